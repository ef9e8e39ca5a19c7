import { expect, test } from "vitest";
import type { Attempt, Finding } from "./api";
import { steps, tellUser, ticketText } from "./case";

const attempt: Attempt = {
  id: "a",
  package: "Package_for_RollupFix",
  kb: "KB5016616",
  client: "",
  session: "",
  start: "2022-08-18 15:53:46",
  end: null,
  start_utc: "2022-08-18T07:53:46.609Z",
  outcome: "failed",
  terminal_code: "0x80070570",
  terminal_name: "ERROR_FILE_CORRUPT",
  finding: "0",
};
const finding = {
  title: { en: "File system corruption", zh: "文件系统损坏" },
  category: "filesystem_corruption",
  advice: { en: "1. chkdsk C: /scan\n2) restore it", zh: "执行 chkdsk C: /scan" },
  root_code: "0xc0000102",
  root_name: "STATUS_FILE_CORRUPT_ERROR",
  object: "C:\\Program Files\\\u202eexe.Defender\nfake: line",
  kb: "KB5016616",
  package: "",
  logged: null,
  utc: null,
} as unknown as Finding;

test("a ticket holds what a colleague needs, a fact a line, and no line of a stranger's", () => {
  const text = ticketText("en", { pc: "PC-1", build: "19044.1889", attempt, finding, url: "http://x/y" });
  expect(text.split("\n")).toEqual([
    "PC-1 · KB5016616 · Failed",
    "Cause: File system corruption",
    "Code: 0xc0000102 STATUS_FILE_CORRUPT_ERROR",
    "Object: C:\\Program Files\\[U+202E]exe.Defender fake: line",
    "Ended with: 0x80070570 ERROR_FILE_CORRUPT",
    "When: 2022-08-18 15:53:46 (2022-08-18 07:53:46 UTC)",
    "Build: 19044.1889",
    "What to do:",
    "1. chkdsk C: /scan",
    "2. restore it",
    "Details: http://x/y",
  ]);
});

test("a ticket of an attempt without a cause says what is known", () => {
  const text = ticketText("zh", { pc: "PC-1", build: null, attempt, finding: null, url: "http://x/y" });
  expect(text).toBe(
    "PC-1 · KB5016616 · 失败\n最终错误码：0x80070570 ERROR_FILE_CORRUPT\n时间：2022-08-18 15:53:46 (2022-08-18 07:53:46 UTC)\n详情：http://x/y",
  );
});

test("the user is told what only they can do, and else that nothing is to be done", () => {
  expect(tellUser("en", "KB1", "disk_full")).toMatch(/KB1.*full.*recycle bin/);
  expect(tellUser("zh", "KB1", "pending_reboot")).toContain("重启电脑");
  expect(tellUser("en", "", "missing_assembly")).toContain("You need not do anything");
});

test("steps lose the numbers they were written with, and commands keep theirs", () => {
  expect(steps("1. a\n - b\n\n3 c\n0x80070005 d")).toEqual(["a", "b", "c", "0x80070005 d"]);
});
