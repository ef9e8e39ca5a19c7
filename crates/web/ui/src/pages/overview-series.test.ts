import { expect, test } from "vitest";
import { marksBySlot, seriesOf } from "./overview-series";

const range = { from: "2022-08-17", charted_from: "2022-08-17", to: "2022-08-19", step: "day" as const };

test("days without data are slots too", () => {
  const series = seriesOf({
    range,
    over_time: [{ t: "2022-08-18", failed: 1, succeeded: 3, other: 2 }],
    categories_over_time: [{ t: "2022-08-18", category: "network_dns", count: 1 }],
  });
  expect(series.slots).toEqual(["2022-08-17", "2022-08-18", "2022-08-19"]);
  expect([series.failed, series.succeeded]).toEqual([
    [0, 1, 0],
    [0, 3, 0],
  ]);
  expect(series.categories).toEqual([{ category: "network_dns", total: 1, counts: [0, 1, 0] }]);
});

test("a failure on a day outside of the chart moves no other day", () => {
  const series = seriesOf({
    range,
    over_time: [{ t: "2022-08-16", failed: 9, succeeded: 0, other: 0 }],
    categories_over_time: [{ t: "2022-08-20", category: "network_dns", count: 9 }],
  });
  expect(series.failed).toEqual([0, 0, 0]);
  expect(series.categories).toEqual([]);
});

test("beyond eight categories the smallest are summed up and nothing is lost", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
  const series = seriesOf({
    range,
    over_time: [],
    categories_over_time: names.map((category, index) => ({ t: "2022-08-19", category, count: index + 1 })),
  });
  expect(series.categories).toHaveLength(9);
  expect(series.categories.at(-1)).toEqual({ category: "", total: 3, counts: [0, 0, 3] });
  expect(series.categories.reduce((total, each) => total + each.total, 0)).toBe(55);
});

test("a change of rules stands at its day or its hour, each kind once, and outside of the chart nowhere", () => {
  const marks = [
    { at: "2022-08-16T23:59:59.000Z", what: "rules.publish" },
    { at: "2022-08-17T00:00:00.000Z", what: "rules.publish" },
    { at: "2022-08-17T15:30:00.000Z", what: "rules.publish" },
    { at: "2022-08-17T15:31:00.000Z", what: "reprocess.apply" },
  ];
  const both = ["rules.publish", "reprocess.apply"];
  expect([...marksBySlot(marks, ["2022-08-17", "2022-08-18"])]).toEqual([[0, both]]);
  expect([...marksBySlot(marks, ["2022-08-17 14:00", "2022-08-17 15:00"])]).toEqual([[1, both]]);
});
