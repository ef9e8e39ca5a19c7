// A made-up fleet for working on the pages: same numbers at every start. Every line, name and id here is invented.

import { CODES } from "./codes.mjs";

let seed = 20220818;
const random = () => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return seed / 2 ** 32;
};
const pick = (list) => list[Math.floor(random() * list.length)];
const hex = (digits) => Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
const pad = (value, width = 2) => String(value).padStart(width, "0");

const CAUSES = [
  [
    "fs_corrupt_path",
    "filesystem_corruption",
    "0xc0000102",
    "0x80070570",
    "C:\\Program Files\\Contoso Endpoint Security",
    11,
    "File system corruption, Windows cannot open a file or folder",
    "文件系统损坏，Windows 无法打开文件或文件夹",
    "chkdsk C: /scan, then /f at the next restart; look for Ntfs 55 and disk 7/51/153 in the System log\nIf the folder still cannot be opened, restore it from a machine with the same build\nIf the disk is healthy and that fails: repair install after a backup",
    "执行 chkdsk C: /scan，重启时再执行 /f；检查系统日志中的 Ntfs 55 与 disk 7/51/153\n若目录仍无法打开，从相同版本的正常电脑恢复\n若磁盘正常而仍失败：备份后修复安装",
  ],
  [
    "store_corrupt",
    "component_store_corrupt",
    "0x80073712",
    "0x80073712",
    "amd64_contoso-made-up-component_31bf3856ad364e35_10.0.19041.1_none_0123456789abcdef",
    7,
    "The component store is corrupt",
    "组件存储已损坏",
    "DISM /Online /Cleanup-Image /RestoreHealth\nInstall the update again",
    "执行 DISM /Online /Cleanup-Image /RestoreHealth\n重新安装更新",
  ],
  [
    "ai_generic",
    "advanced_installer_failed",
    "0x80070005",
    "0x800f0922",
    "Task Scheduler",
    5,
    "An advanced installer failed",
    "高级安装程序失败",
    "Read the inner code; check the service it names",
    "查看内层错误码，并检查其所指服务",
  ],
  [
    "network_dns",
    "network_dns",
    "0x8024402c",
    "0x8024402c",
    "wsus01.contoso.example",
    9,
    "The update server's name could not be resolved",
    "无法解析更新服务器名称",
    "Check DNS and proxy settings of this machine\nnslookup the name of the update server",
    "检查本机的 DNS 与代理设置\n用 nslookup 查询更新服务器名称",
  ],
  [
    "manifest_missing",
    "missing_package_manifest",
    "0x800f0831",
    "0x800f0831",
    "Package_for_KB5009999~31bf3856ad364e35~amd64~~19041.1.1.1",
    4,
    "The manifest of an older package is missing",
    "较早程序包的清单缺失",
    "Install the package that is missing, then this update",
    "先安装缺失的程序包，再安装此更新",
  ],
  [
    "pending",
    "pending_reboot",
    "0x80070bc9",
    "0x80070bc9",
    "",
    6,
    "A restart is pending",
    "有待完成的重启",
    "Restart the machine and try again",
    "重启电脑后重试",
  ],
  [
    "disk_full",
    "disk_full",
    "0x80070070",
    "0x80070070",
    "C:\\Windows\\SoftwareDistribution\\Download",
    3,
    "The system disk is full",
    "系统盘已满",
    "Free at least 10 GB on C:",
    "在 C: 盘至少释放 10 GB 空间",
  ],
  [
    "sharing",
    "locked_file",
    "0x80070020",
    "0x80070020",
    "C:\\Windows\\System32\\drivers\\contoso.sys",
    2,
    "A file is in use",
    "文件被占用",
    "Stop the backup or antivirus during the update",
    "更新期间停用备份或杀毒软件",
  ],
].map(([rule, category, root, terminal, object, weight, en, zh, adviceEn, adviceZh]) => ({
  rule,
  category,
  root,
  terminal,
  object,
  weight,
  title: { en, zh },
  advice: { en: adviceEn, zh: adviceZh },
}));

export const DAYS = Array.from({ length: 30 }, (_, day) => `2022-08-${pad(day + 1)}`);
const KBS = ["KB5016616", "KB5015730", "KB5012170", "KB5015020", "KB890830", "KB4023057"];
const BUILDS = ["19044.1889", "19044.1826", "22000.856", "17763.3287", "19042.1889"];

/** Sites as hosts name them; the numbers decide the rest, so that the dice of logs fall as before. */
const SITES = { SH: "上海: 浦东", BJ: "Beijing", GZ: "Guangzhou", HK: "Hong Kong", SG: "Singapore" };
const labelsOf = (host, number) => [
  { label: "model", value: ["Contoso 9020", "Contoso 7450"][number % 2] },
  { label: "ring", value: number % 10 === 3 ? "pilot" : "broad" },
  { label: "site", value: SITES[host.slice(0, 2)] },
];

export const endpoints = [];
export const attempts = [];
const weighted = CAUSES.flatMap((cause) => Array(cause.weight).fill(cause));

for (let number = 0; number < 240; number += 1) {
  const id = `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const host = `${pick(["SH", "BJ", "GZ", "HK", "SG"])}-BR${pad(1 + Math.floor(random() * 60), 3)}-PC${pad(number, 3)}`;
  const endpoint = { id, host, build: pick(BUILDS), cause: random() < 0.19 ? pick(weighted) : null };
  // Some were mended, some have fallen silent, and one has a clock of its own.
  const mended = random() < 0.4 ? 16 + Math.floor(random() * 8) : DAYS.length;
  endpoint.silent = number % 27 === 5;
  endpoint.clock_ahead = number === 77;
  // People have named a few, and said something of most.
  endpoint.name = number % 9 === 4 ? `Counter ${number}` : "";
  endpoint.labels = number % 17 === 0 ? [] : labelsOf(host, number);
  endpoints.push(endpoint);
  const start = 8 + Math.floor(random() * 9);
  for (let day = start; day < DAYS.length; day += 1 + Math.floor(random() * 7)) {
    const kb = pick(day > 9 ? KBS : KBS.slice(1));
    const failing = endpoint.cause && kb !== "KB890830" && day > 8 + endpoint.cause.weight / 2 && day < mended;
    const outcome = failing
      ? random() < 0.12
        ? "rolled_back"
        : "failed"
      : random() < 0.05
        ? "pending_reboot"
        : random() < 0.02
          ? "cancelled"
          : "succeeded";
    const seconds = Math.floor(random() * 50_000) + 8 * 3600;
    const clock = (at) => `${pad(Math.floor(at / 3600) % 24)}:${pad(Math.floor(at / 60) % 60)}:${pad(at % 60)}`;
    attempts.push({
      endpoint,
      kb,
      outcome,
      day: DAYS[day],
      cause: failing ? endpoint.cause : null,
      start: `${DAYS[day]} ${clock(seconds)}`,
      end: `${DAYS[day]} ${clock(seconds + 40 + Math.floor(random() * 900))}`,
      start_utc: `${DAYS[day]}T${clock(seconds - 8 * 3600)}.${pad(Math.floor(random() * 1000), 3)}Z`,
      package: `Package_for_RollupFix~31bf3856ad364e35~amd64~~${endpoint.build}.1.7`,
      id: hex(16),
      session: `30978${Math.floor(random() * 900)}_${Math.floor(random() * 4e9)}`,
    });
  }
}

// A machine whose log drives readers' screens where it can, with more attempts than one answer holds.
const hostile = {
  id: "HOSTILE-1",
  name: "",
  labels: [],
  host: "PC-\u202egpj.\u2066exe",
  client: "\u001b]0;made up\u0007\u001b[2J Agent\u200b",
  build: "19044.1889",
  cause: { ...CAUSES[0], object: "C:\\Users\\\u202ecod\u2028.exe\ufeff" },
};
endpoints.push(hostile);
for (let number = 0; number < 230; number += 1) {
  const at = `${DAYS[number % 28]} 09:${pad(number % 60)}`;
  attempts.push({
    endpoint: hostile,
    kb: `KB50${pad(number, 5)}`,
    outcome: "failed",
    day: at.slice(0, 10),
    cause: hostile.cause,
    start: `${at}:00`,
    end: `${at}:40`,
    start_utc: null,
    package: `Package_\u2067for\u0085~made~up~${number}`,
    id: hex(16),
    session: "",
  });
}
attempts.sort((a, b) => a.start.localeCompare(b.start));

/** A made-up log around a failure; offsets are those of its bytes. */
export function log(cause) {
  seed = 9626;
  const lines = [];
  const head = (second, level, component, text) =>
    lines.push(
      `2022-08-18 15:${pad(40 + Math.floor(second / 60))}:${pad(second % 60)}, ${level.padEnd(22)} ${component.padEnd(6)} ${text}`,
    );
  for (let step = 0; step < 120; step += 1) {
    head(
      step * 2,
      "Info",
      pick(["CBS", "CBS", "CSI", ""]),
      pick([
        "Appl: Evaluating package applicability for package Contoso-Made-Up-Package~31bf3856ad364e35~amd64~~10.0.19041.1",
        "Failed to internally open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]",
        "Plan: Package: Contoso-Made-Up-Package~31bf3856ad364e35~amd64~~10.0.19041.1, current: Absent, pending: Default",
        `0000${hex(4)} Created NT transaction (seq 2) result 0x00000000, handle @0x3d0`,
        "Exec: Resolving Package: Contoso-Made-Up-Package, Update: made-up, InstallDeployment: amd64_contoso",
      ]),
    );
  }
  head(
    241,
    "Error",
    "CSI",
    `00009626 (F) STATUS_FILE_CORRUPT_ERROR #34109804# from Made::Up::DirectFileSystemProvider::SysCreateFile(flags = (AllowFileNotFound), handle = {provider=NULL, handle=0}, da = (SYNCHRONIZE|FILE_READ_ATTRIBUTES), oa = @0x5d8a27e2a8->OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[45]'\\??\\${cause.object || "C:\\Windows\\Temp\\made-up.bin"}'; a:(OBJ_CASE_INSENSITIVE)}, iosb = @0x5d8a27e308, as = (null), fa = 0, sa = (FILE_SHARE_READ|FILE_SHARE_WRITE|FILE_SHARE_DELETE), cd = FILE_OPEN)[gle=0xd0000102]`,
  );
  head(
    241,
    "Error",
    "CSI",
    `00009627@2022/8/18:07:44:01.609 (F) made\\up\\ntsystem.cpp(2987): Error STATUS_FILE_CORRUPT_ERROR originated in function Made::Up::SysCreateFile expression: (null)[gle=0x80004005]`,
  );
  head(
    242,
    "Info",
    "CBS",
    `Exec: Processing complete.  Session: 30978561_1234567890, Package: Contoso-Made-Up-Package, Identifier: KB5016616 [HRESULT = ${cause.terminal} - ${CODES[cause.terminal][1][0]}]`,
  );
  head(
    242,
    "Error",
    "CBS",
    `Failed to perform operation.  [HRESULT = ${cause.terminal} - ${CODES[cause.terminal][1][0]}] <script>alert("a log line is text")</script>`,
  );
  for (let step = 0; step < 90; step += 1)
    head(243 + step, "Info", "CBS", `Trusted Installer is idling, round ${step}.`);
  let offset = 3;
  return lines.map((line) => {
    const text = line.slice(50 - 1).trimStart();
    const codes = Object.entries(CODES).flatMap(([code, [, names]]) =>
      [code, code.replace("0xc", "0xd"), ...names].flatMap((spelling) => {
        const at = text.toLowerCase().indexOf(spelling.toLowerCase());
        return at < 0 ? [] : [{ code, name: names[0], at, end: at + spelling.length }];
      }),
    );
    codes.sort((a, b) => a.at - b.at);
    const logged = line.slice(0, 19);
    const record = {
      offset,
      length: line.length + 2,
      logged,
      utc: `${logged.slice(0, 10)}T${pad(Number(logged.slice(11, 13)) - 8)}${logged.slice(13)}.000Z`,
      level: line.slice(21, 43).trim().toLowerCase(),
      component: line.slice(44, 50).trim(),
      text,
      codes,
    };
    offset += line.length + 2;
    return record;
  });
}
