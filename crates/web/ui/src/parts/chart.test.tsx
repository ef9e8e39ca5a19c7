import { expect, test } from "vitest";
import { ticksOf } from "./chart";

test("the figures beside a chart are round, few, and reach as high as its bars", () => {
  expect(ticksOf(0)).toEqual([0, 1]);
  expect(ticksOf(3)).toEqual([0, 1, 2, 3]);
  expect(ticksOf(87)).toEqual([0, 20, 40, 60, 80, 100]);
  for (let max = 1; max < 3e6; max = Math.ceil(max * 1.07)) {
    const ticks = ticksOf(max);
    expect(ticks.every(Number.isInteger), String(max)).toBe(true);
    expect(ticks.length, String(max)).toBeLessThanOrEqual(6);
    expect(ticks.at(-1), String(max)).toBeGreaterThanOrEqual(max);
  }
});
