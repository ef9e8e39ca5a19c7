// One made-up endpoint, and its log.

import { CODES } from "./codes.mjs";
import { DAYS, attempts, endpoints, log } from "./data.mjs";
import { stillFails, updatesOf, verdictOf } from "./case.mjs";
import { failed, meaning } from "./shared.mjs";

export const STREAM = "00000000c0ffee01";

/** A page of a list and where it stands; places are ranks here. */
function paged(rows, place, size) {
  const before = Number(place || 0);
  const end = before + size;
  const previous = before === 0 ? null : before <= size ? "" : String(before - size);
  const page = { total: rows.length, before, previous, next: end < rows.length ? String(end) : null };
  return { rows: rows.slice(before, end), page };
}

const STREAMS = [
  {
    stream: STREAM,
    source: "cbs",
    path: "C:\\Windows\\Logs\\CBS\\CBS.log",
    encoding: "utf-8",
    bytes: 52_400_111,
    first: "2022-08-12 09:11:02",
    last: "2022-08-30 17:02:44",
    utc_offsets: [{ offset: "+08:00", how: "csi_stamp", from_logged: "2022-08-12 09:11:02" }],
    utc_offsets_total: 1,
    gaps: [],
    gaps_total: 0,
  },
  {
    stream: "00000000c0ffee02",
    source: "cbs",
    path: "C:\\Windows\\Logs\\CBS\\CbsPersist_20220812011102.cab",
    encoding: "utf-8",
    bytes: 51_200_008,
    first: "2022-08-01 08:00:10",
    last: "2022-08-12 09:11:00",
    utc_offsets: [
      { offset: "-08:00", how: "session_id", from_logged: "2022-08-01 08:00:10" },
      { offset: "+08:00", how: "universal_time", from_logged: "2022-08-02 08:10:10" },
    ],
    utc_offsets_total: 2,
    gaps: [{ from: 1_048_576, to: 1_310_720, reason: "not_received" }],
    gaps_total: 1,
  },
  {
    stream: "00000000c0ffee03",
    source: "dism",
    path: "C:\\Windows\\Logs\\DISM\\dism.log",
    encoding: "utf-8",
    bytes: 1_204_808,
    first: "2022-08-01 08:00:10",
    last: "2022-08-29 11:10:00",
    utc_offsets: [],
    utc_offsets_total: 0,
    gaps: [],
    gaps_total: 0,
  },
];

/** What stands of a machine: its cause as one finding, an older one of another update, and one only worth knowing. */
export function findingsOf(endpoint, own) {
  const { cause } = endpoint;
  const bad = own.filter(failed);
  const records = log(cause ?? { terminal: "0x80070002", object: "" });
  const at = records.findIndex((record) => record.text.startsWith("00009626"));
  return bad.length === 0
    ? []
    : [
        {
          id: "f0",
          place: "0",
          rule: cause.rule,
          category: cause.category,
          severity: "error",
          title: cause.title,
          advice: cause.advice,
          root_code: cause.root,
          root_name: CODES[cause.root][1][0],
          terminal_code: cause.terminal,
          object: cause.object,
          kb: bad.at(-1).kb,
          package: bad.at(-1).package,
          component: "",
          logged: bad[0].start,
          utc: bad[0].start_utc,
          confidence: 92,
          reasons: [
            {
              key: "origin",
              text: {
                en: "The record is the origin of its chain (trace #34109804#)",
                zh: "是最早出现的错误（跟踪号 #34109804#）",
              },
            },
            {
              key: "object",
              text: {
                en: "It names the object, and the path length matches the log's own count",
                zh: "记录中写明了具体文件，且路径长度与日志自带的计数一致",
              },
            },
          ],
          count: bad.length,
          open: stillFails(endpoint, cause),
          closed_by: stillFails(endpoint, cause) ? null : bad.at(-1).kb,
          evidence: records
            .slice(at, at + 3)
            .map((r) => ({ source: "cbs", stream: STREAM, offset: r.offset, length: r.length, text: r.text })),
        },
        {
          id: "f1",
          place: "1",
          rule: "sfc_known_false_positive",
          category: "known_false_positive",
          severity: "info",
          title: { en: "SFC flags a file that is fine", zh: "SFC 误报了正常文件" },
          advice: { en: "Nothing to do", zh: "无需处理" },
          root_code: null,
          root_name: null,
          terminal_code: null,
          object: "opencl.dll",
          kb: "",
          package: "",
          component: "",
          logged: bad[0].start,
          utc: null,
          confidence: 60,
          reasons: [],
          count: 4,
          evidence: [],
        },
      ];
}

export const attemptRow = (a) => ({
  id: a.id,
  package: a.package,
  kb: a.kb,
  client: a.endpoint.client ?? "WindowsUpdateAgent",
  session: a.session,
  start: a.start,
  end: a.end,
  start_utc: a.start_utc,
  outcome: a.outcome,
  terminal_code: a.cause?.terminal ?? null,
  terminal_name: a.cause ? CODES[a.cause.terminal][1][0] : null,
  finding: failed(a) ? "0" : null,
});

export function endpointDetail(id, query) {
  const endpoint = endpoints.find((each) => each.id === id);
  if (!endpoint) return null;
  const own = attempts.filter((attempt) => attempt.endpoint === endpoint);
  const bad = own.filter(failed);
  const { cause } = endpoint;
  const findings = findingsOf(endpoint, own);
  const codes = [
    ...(cause ? [{ code: cause.root, events: 9, noise: 1 }] : []),
    { code: "0x800f0805", events: 14, noise: 14 },
  ];
  const lists = {
    streams: paged(STREAMS, query.get("streams"), 50),
    attempts: paged(own.toReversed(), query.get("attempts"), 100),
    findings: paged(findings, query.get("findings"), 25),
    codes: paged(codes, query.get("codes"), 100),
  };
  return {
    endpoint: {
      id,
      name: endpoint.name || null,
      host: endpoint.host,
      labels: endpoint.labels,
      hosts: [
        { host: endpoint.host, machine_guid: id, first: "2022-08-03 08:00:00", last: "2022-08-30 17:02:44" },
        { host: "MADE-UP-OLD", machine_guid: null, first: "2022-08-01 08:00:10", last: "2022-08-02 19:10:00" },
      ],
      clones: endpoint === endpoints[4] ? [endpoint.host, `${endpoint.host}-COPY`] : [],
      clock_ahead_minutes: endpoint.clock_ahead ? 190 : null,
      contact: new Date(Date.now() - 12_000).toISOString(),
      build: endpoint.build,
      servicing_stack: `10.0.${endpoint.build.split(".")[0]}.1852`,
      utc_offset: STREAMS[0].utc_offsets[0],
      first: own[0]?.start ?? null,
      last: own.at(-1)?.end ?? null,
    },
    held: {
      from: "2022-08-01 08:00:10",
      to: "2022-08-30 17:02:44",
      whole: false,
      silent: endpoint.silent,
      sources: ["cbs", "dism"].map((source) => {
        const logs = STREAMS.filter((stream) => stream.source === source);
        const gap = {
          from: "2022-08-03 10:00:00",
          to: "2022-08-05 09:00:00",
          reason: "not_received",
          stream: logs[0].stream,
          path: logs[0].path,
        };
        return {
          source,
          logs: logs.length,
          bytes: logs.reduce((sum, log) => sum + log.bytes, 0),
          first: logs.at(-1).first,
          last: logs[0].last,
          gaps: source === "cbs" ? [gap] : [],
          gaps_total: source === "cbs" ? 1 : 0,
        };
      }),
    },
    verdict: verdictOf(own),
    updates: updatesOf(own),
    updates_total: updatesOf(own).length,
    totals: {
      streams: STREAMS.length,
      attempts: own.length,
      failed: bad.length,
      findings: findings.length,
      noted: findings.filter(({ severity }) => severity === "info").length,
      codes: codes.length,
    },
    streams: lists.streams.rows,
    attempts: lists.attempts.rows.map(attemptRow),
    findings: lists.findings.rows,
    codes_days: { from: DAYS[0], to: DAYS.at(-1) },
    codes: lists.codes.rows.map((c) => ({
      ...c,
      space: CODES[c.code][0],
      names: CODES[c.code][1],
      meaning: meaning(c.code),
    })),
    pages: Object.fromEntries(Object.entries(lists).map(([name, { page }]) => [name, page])),
  };
}

export function find(id, query) {
  const endpoint = endpoints.find((each) => each.id === id);
  if (!endpoint) return null;
  const all = log(endpoint.cause ?? { terminal: "0x80070002", object: "" });
  const [from, text, level, time] = ["from", "text", "level", "time"].map((name) => query.get(name) ?? "");
  const end = all.at(-1).offset + all.at(-1).length;
  const has = (record) =>
    record.text.toLowerCase().includes(text.toLowerCase()) && (level === "" || record.level === level);
  const found = time
    ? all.find((record) => record.logged >= time)
    : query.get("way") === "previous"
      ? all.findLast((record) => record.offset < Number(from) && has(record))
      : all.find((record) => record.offset >= Number(from) && has(record));
  return { offset: found?.offset ?? null, reached: found?.offset ?? end, more: Boolean(found), end };
}

export function records(id, query) {
  const endpoint = endpoints.find((each) => each.id === id);
  if (!endpoint) return null;
  const all = log(endpoint.cause ?? { terminal: "0x80070002", object: "" });
  const offset = Number(query.get("offset"));
  const at = Math.max(
    0,
    all.findLastIndex((record) => record.offset <= offset),
  );
  const from = Math.max(0, at - Number(query.get("before") ?? 20));
  const to = Math.min(all.length, at + 1 + Number(query.get("after") ?? 20));
  return {
    path: "C:\\Windows\\Logs\\CBS\\CBS.log",
    source: "cbs",
    encoding: "utf-8",
    expired: false,
    records: all.slice(from, to).map((r, i) => ({ ...r, target: from + i === at })),
    more_before: from > 0,
    more_after: to < all.length,
  };
}
