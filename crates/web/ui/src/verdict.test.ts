import { expect, test } from "vitest";
import type { Cause, Pcs } from "./api";
import { MESSAGES } from "./i18n";
import { sentenceOf, toneOf, verdictOf } from "./verdict";

const NONE: Pcs = {
  seen: 240,
  tried: 0,
  failing: 0,
  restart: 0,
  installed: 0,
  recovered: 0,
  cancelled: 0,
  unknown: 0,
  not_tried: 240,
  failing_day_ago: 0,
  failing_week_ago: 0,
  silent: 0,
  clock_ahead: 0,
  last_log: null,
};

function said(pcs: Partial<Pcs>, options: { causes?: number[]; known?: boolean; to?: string; filters?: object } = {}) {
  const { causes = [], known = true, to = "2026-11-29", filters = {} } = options;
  const all = { ...NONE, ...pcs };
  const verdict = verdictOf(
    {
      known,
      range: { from: "2026-10-31", charted_from: "2026-10-31", to, step: "day" },
      now: "2026-11-29T20:15:00.000Z",
      pcs: all,
      top_causes: causes.map((now) => ({ pcs_now: now }) as Cause),
    },
    filters,
  );
  return {
    tone: toneOf(verdict),
    en: sentenceOf(verdict, all.silent, MESSAGES.en, "KB1234567"),
    zh: sentenceOf(verdict, all.silent, MESSAGES.zh, "KB1234567"),
  };
}

test("the first sentence counts PCs that fail now, what they share, and how it was yesterday", () => {
  expect(said({ tried: 85, failing: 15, failing_day_ago: 12, silent: 9 }, { causes: [9, 4, 2] })).toEqual({
    tone: "bad",
    en: "15 PCs fail, 9 of them for one reason; 3 more than yesterday. 9 silent.",
    zh: "15 台电脑更新失败，其中 9 台为同一原因；比昨天增加 3 台。9 台静默。",
  });
  expect(said({ failing: 2, failing_day_ago: 4 }, { causes: [2] }).en).toBe(
    "2 PCs fail, all for one reason; 2 fewer than yesterday.",
  );
  expect(said({ failing: 1, failing_day_ago: 1 }, { causes: [1] }).en).toBe("1 PC fails; as many as yesterday.");
});

test("a reason is not told where each PC has its own, nor where the reader asked for one", () => {
  expect(said({ failing: 3 }, { causes: [1, 1, 1] }).en).toBe("3 PCs fail; 3 more than yesterday.");
  expect(said({ failing: 3 }, { causes: [3], filters: { cause: "a~" } }).en).toBe("3 PCs fail; 3 more than yesterday.");
});

test("a range that ended before today says nothing of yesterday", () => {
  expect(said({ failing: 3, failing_day_ago: 9 }, { to: "2026-11-20" })).toMatchObject({
    tone: "bad",
    en: "3 PCs were failing at the end of these days.",
  });
});

test("green is for updates that were tried, of which none fails", () => {
  expect(said({ tried: 5, installed: 4, restart: 1 })).toMatchObject({
    tone: "good",
    en: "No PC fails: 5 PCs tried an update, 1 waits for a restart.",
  });
  expect(said({}).tone).toBe("neutral");
  expect(said({ silent: 240 }).en).toBe("No PC tried an update in these days. 240 silent.");
  expect(said({ tried: 2, cancelled: 1, unknown: 1 }).tone).toBe("neutral");
});

test("a name that nothing has is no all-clear, whatever the figures say", () => {
  const unknown = (filters: object) => said({ tried: 5, installed: 5 }, { known: false, filters });
  expect(unknown({ kb: "KB1234567" })).toEqual({
    tone: "neutral",
    en: "No PC has tried KB1234567 in these days.",
    zh: "这些天没有电脑尝试过 KB1234567。",
  });
  expect(unknown({ from: "2026-11-01", code: "0x80070570" }).en).toBe("No PC has KB1234567 in these days.");
  expect(unknown({ kb: "KB1", category: "network" }).en).toBe("Nothing in these days has all of these filters.");
  // Others than the PCs of the label may have tried it.
  expect(unknown({ kb: "KB1", labels: ["ring:pilot"] }).en).toBe("Nothing in these days has all of these filters.");
});
