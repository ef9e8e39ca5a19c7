import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type { HeldGap, HeldTimes } from "../api";
import { HeldList, HeldSentence } from "./held-times";

const held = (change: Partial<HeldTimes>): HeldTimes => ({
  from: "2022-08-01 08:00:10",
  to: "2022-08-30 17:02:44",
  whole: true,
  silent: false,
  sources: [{ source: "cbs", logs: 2, bytes: 9, first: null, last: null, gaps: [], gaps_total: 1 }],
  ...change,
});

test("a good verdict beyond what logs cover says so, and any other one says of which time it is", () => {
  const shown = (times: HeldTimes, good: boolean) =>
    renderToStaticMarkup(<HeldSentence held={times} good={good} />).replace(/<\/?span[^>]*>/g, "");
  expect(shown(held({}), true)).toBe("told from logs of 2022-08-01 08:00 to 2022-08-30 17:02");
  const partly = held({ whole: false, silent: true });
  expect(shown(partly, true)).toMatch(/with 1 gap; nothing has come since$/);
  const ended: HeldGap = { from: "2022-08-30 17:02:44", to: null, reason: "silent", stream: "1", path: "CBS.log" };
  const sources = [{ ...partly.sources[0]!, gaps: [ended] }];
  expect(shown({ ...partly, sources }, true)).toMatch(/17:02; nothing has come since$/);
  expect(shown({ ...partly, sources, silent: false }, true)).toMatch(/with 1 gap$/);
  expect(renderToStaticMarkup(<HeldSentence held={partly} good />)).toContain("strong");
  expect(renderToStaticMarkup(<HeldSentence held={partly} good={false} />)).not.toContain("strong");
  expect(shown(held({ from: null }), true)).toBe("");
});

test("what an agent lost is told with its reason, and of an event log with its records", () => {
  const lost: HeldGap = {
    from: null,
    to: "2022-08-30 17:02:44",
    reason: "overwritten",
    stream: null,
    path: "System.evtx",
  };
  const gaps: HeldGap[] = [
    { ...lost, records: [11, 41] },
    { ...lost, records: [50, 51] },
    { ...lost, reason: "gone", path: "CBS.log", bytes: [900, 1000] },
  ];
  const sources = [{ ...held({}).sources[0]!, gaps, gaps_total: 3 }];
  const text = renderToStaticMarkup(<HeldList held={held({ whole: false, sources })} />).replace(/<[^>]*>/g, "");
  expect(text).toContain("overwrote records before they were read: records 11 to 40");
  expect(text).toContain(": record 50 ");
  expect(text).toContain("lost: the file was removed or overwritten before it was read CBS.log");
});
