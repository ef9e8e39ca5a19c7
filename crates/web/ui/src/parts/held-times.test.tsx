import { renderToStaticMarkup } from "react-dom/server";
import { expect, test } from "vitest";
import type { HeldTimes } from "../api";
import { HeldSentence } from "./held-times";

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
  const ended = { from: "2022-08-30 17:02:44", to: null, reason: "silent", stream: "1", path: "CBS.log" };
  const sources = [{ ...partly.sources[0]!, gaps: [ended] }];
  expect(shown({ ...partly, sources }, true)).toMatch(/17:02; nothing has come since$/);
  expect(shown({ ...partly, sources, silent: false }, true)).toMatch(/with 1 gap$/);
  expect(renderToStaticMarkup(<HeldSentence held={partly} good />)).toContain("strong");
  expect(renderToStaticMarkup(<HeldSentence held={partly} good={false} />)).not.toContain("strong");
  expect(shown(held({ from: null }), true)).toBe("");
});
