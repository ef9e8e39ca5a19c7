import { expect, test } from "vitest";
import type { FoundRecord } from "./api";
import { findInLog, timeOf } from "./find";

const WANTED = { text: " 0x80070570 ", level: "error" };

function log(answers: FoundRecord[]) {
  const asked: Record<string, string>[] = [];
  const ask = (query: Record<string, string>) => {
    asked.push(query);
    const answer = answers.shift();
    return answer ? Promise.resolve(answer) : Promise.reject(new Error("asked too often"));
  };
  return { ask, asked };
}

test("a log is read on until a record is met", async () => {
  const { ask, asked } = log([
    { offset: null, reached: 100, more: true, end: 300 },
    { offset: 250, reached: 250, more: true, end: 300 },
  ]);
  const reached: number[] = [];
  const found = await findInLog(ask, WANTED, "next", 7, (answer) => reached.push(answer.reached));
  expect(found).toBe(250);
  expect(reached).toEqual([100, 250]);
  expect(asked.map(({ from }) => from)).toEqual(["7", "100"]);
  expect(asked[0]).toEqual({ from: "7", way: "next", text: "0x80070570", level: "error" });
});

test("it ends at the end of the log, and where an answer comes no further", async () => {
  for (const last of [
    { offset: null, reached: 300, more: false, end: 300 },
    { offset: null, reached: 100, more: true, end: 300 },
  ]) {
    const { ask } = log([{ offset: null, reached: 100, more: true, end: 300 }, last]);
    expect(await findInLog(ask, WANTED, "next", 0, () => undefined)).toBeNull();
  }
});

test("a time is read as logs and people write it", () => {
  for (const [text, time] of [
    ["2024-05-01 08:00:07", "2024-05-01T08:00:07"],
    ["2024-05-01 08:00:07, Info", null],
    ["2024-05-01T08:00", "2024-05-01T08:00:00"],
    [" 2024/5/1 8:00 ", "2024-05-01T08:00:00"],
    ["2024-05-01 08:00:07.123", "2024-05-01T08:00:07"],
    ["2024-05-01", "2024-05-01T00:00:00"],
    ["1048576", null],
    ["", null],
  ] as const)
    expect(timeOf(text)).toBe(time);
});
