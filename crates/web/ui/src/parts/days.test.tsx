import { expect, test } from "vitest";
import { everyDay } from "./days";

test("days that are not told of stand as nothing between those that are", () => {
  expect(
    everyDay([
      { t: "2022-08-30", value: 2 },
      { t: "2022-09-02", value: 1 },
    ]),
  ).toEqual([
    { t: "2022-08-30", value: 2 },
    { t: "2022-08-31", value: 0 },
    { t: "2022-09-01", value: 0 },
    { t: "2022-09-02", value: 1 },
  ]);
  expect(everyDay([])).toEqual([]);
});
