import { expect, test } from "vitest";
import type { Attempt, Finding } from "./api";
import { attemptOf, causeOf, latestFailure, sorted } from "./findings";

const finding = (change: Partial<Finding>): Finding => ({
  id: "f",
  place: "0",
  rule: "disk_full",
  category: "disk_full",
  severity: "error",
  title: { en: "The disk is full", zh: "磁盘已满" },
  advice: { en: "", zh: "" },
  root_code: "0x80070070",
  root_name: null,
  terminal_code: null,
  object: "C:\\",
  kb: "KB1",
  package: "",
  component: "",
  logged: "2022-08-18 10:00:00",
  utc: null,
  confidence: 90,
  reasons: [],
  count: 1,
  evidence: [],
  open: true,
  closed_by: null,
  ...change,
});

test("one cause is one card, with all its objects and updates and its whole time", () => {
  const { failing, solved } = sorted([
    finding({}),
    finding({ place: "1", object: "D:\\", kb: "KB2", count: 3, logged: "2022-08-16 10:00:00" }),
    finding({ place: "2", object: "C:\\", kb: "", logged: null }),
  ]);
  expect(solved).toEqual([]);
  expect(failing).toHaveLength(1);
  expect(failing[0]).toMatchObject({
    id: "disk_full~0x80070070",
    objects: ["C:\\", "D:\\"],
    kbs: ["KB1", "KB2"],
    count: 5,
    first: "2022-08-16 10:00:00",
    last: "2022-08-18 10:00:00",
  });
  expect(failing[0]!.latest.place).toBe("0");
});

test("what was ended is solved, unless the same cause still stands", () => {
  const ended = finding({ open: false, closed_by: "KB9", rule: "dns", root_code: null });
  const again = finding({ place: "3", open: false });
  const { failing, solved } = sorted([ended, again, finding({ place: "4" })]);
  expect(failing.map(({ id }) => id)).toEqual(["disk_full~0x80070070"]);
  expect(failing[0]!.all.map(({ place }) => place)).toEqual(["4"]);
  expect(solved.map(({ id, closedBy }) => [id, closedBy])).toEqual([["dns~", ["KB9"]]]);
});

test("the gravest comes first, and what is only worth knowing is apart", () => {
  const { failing, noted } = sorted([
    finding({ severity: "warning", rule: "a" }),
    finding({ severity: "info", rule: "b" }),
    finding({ severity: "critical", rule: "c" }),
  ]);
  expect(failing.map(({ latest }) => latest.rule)).toEqual(["c", "a"]);
  expect(noted.map(({ latest }) => latest.rule)).toEqual(["b"]);
});

test("a cause without a rule goes by its category, as the API spells it", () => {
  expect(causeOf({ rule: "", category: "unclassified", root_code: "0x80070005" })).toBe("unclassified~0x80070005");
});

test("a cause leads to the newest attempt that failed by it, and a report to the newest that failed at all", () => {
  const attempts = [
    { id: "a", outcome: "succeeded", finding: null },
    { id: "b", outcome: "failed", finding: "7" },
    { id: "c", outcome: "failed", finding: "1" },
    { id: "d", outcome: "rolled_back", finding: "1" },
  ] as Attempt[];
  const all = [finding({ place: "0" }), finding({ place: "1" })];
  expect(attemptOf({ all }, attempts)?.id).toBe("c");
  expect(attemptOf({ all: [finding({ place: "9" })] }, attempts)).toBeNull();
  expect(latestFailure(attempts)?.id).toBe("b");
  expect(latestFailure(attempts.slice(0, 1))).toBeNull();
});
