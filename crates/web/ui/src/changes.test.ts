import { expect, test } from "vitest";
import { restAfter } from "./changes";

test("a page rests longer the longer its answer took, within bounds", () => {
  expect(restAfter(0)).toBe(1_000);
  expect(restAfter(100)).toBe(3_000);
  expect(restAfter(5_000)).toBe(30_000);
});
