import { expect, test } from "vitest";
import type { LogLevel, LogRecord } from "./api";
import { ALL, byteOf, choices, isNarrow, matching } from "./records-filter";

const record = (offset: number, level: LogLevel, component: string, text: string): LogRecord => ({
  offset,
  length: 1,
  logged: null,
  utc: null,
  level,
  component,
  text,
  codes: [],
  target: false,
});
const records = [
  record(0, "info", "CBS", "Exec: Processing started."),
  record(1, "error", "CSI", "STATUS_FILE_CORRUPT_ERROR"),
  record(2, "error", "CBS", "Exec: failed"),
  record(3, "unknown", "", "a continuation"),
];
const offsets = (filter: Partial<typeof ALL>) => matching(records, { ...ALL, ...filter }).map(({ offset }) => offset);

test("every part of a filter must hold, and none narrows where none is set", () => {
  expect(offsets({})).toEqual([0, 1, 2, 3]);
  expect(offsets({ level: "error" })).toEqual([1, 2]);
  expect(offsets({ level: "error", component: "CBS" })).toEqual([2]);
  expect(offsets({ text: " exec: " })).toEqual([0, 2]);
  expect(offsets({ text: "file_corrupt", component: "CBS" })).toEqual([]);
  expect([isNarrow(ALL), isNarrow({ ...ALL, text: " " }), isNarrow({ ...ALL, level: "error" })]).toEqual([
    false,
    false,
    true,
  ]);
});

test("what can be chosen is what is there", () => {
  expect(choices(records, "level")).toEqual(["error", "info"]);
  expect(choices(records, "component")).toEqual(["CBS", "CSI"]);
});

test("a byte is read as people write it", () => {
  for (const text of ["1048576", " 1,048,576 ", "1 048 576", "1\u202f048\u202f576"])
    expect(byteOf(text)).toBe(1_048_576);
  for (const text of ["", "x", "-1", "1.5", "0x10", "99999999999999999999"]) expect(byteOf(text)).toBeNull();
});
