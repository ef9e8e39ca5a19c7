// What the first sentence of the overview says, and in what colour. Pure.

import type { Overview } from "./api";
import type { Messages } from "./i18n";
import type { FilterKey, Filters } from "./url";

export type Verdict =
  | { kind: "failing"; failing: number; oneReason: number | null; change: number | null; current: boolean }
  | { kind: "healthy"; tried: number; restart: number }
  /** Somebody tried, and no log says how it ended. */
  | { kind: "undecided"; tried: number }
  | { kind: "untried" }
  /** A filter names what nothing in the range has; `key` where it can only be that one. */
  | { kind: "unknown"; key: FilterKey | null };

/** Neutral where nothing can be said: green is for updates that were tried, of which none fails. */
export type Tone = "bad" | "good" | "neutral";

type Figures = Pick<Overview, "known" | "range" | "now" | "pcs" | "top_causes">;

/** Filters that name something, which may be misspelled. */
const NAMES = ["kb", "category", "cause", "code", "endpoint"] as const;

export function verdictOf(data: Figures, filters: Filters): Verdict {
  const { pcs } = data;
  if (!data.known) {
    const named = NAMES.filter((key) => filters[key]);
    // With a label beside it, others may have what these PCs have not.
    return { kind: "unknown", key: named.length === 1 && !filters.labels ? named[0]! : null };
  }
  if (pcs.failing > 0) {
    // What yesterday was like says nothing about a range that ended before.
    const current = isCurrent(data);
    const change = current && pcs.failing_day_ago !== null ? pcs.failing - pcs.failing_day_ago : null;
    return { kind: "failing", failing: pcs.failing, oneReason: oneReason(data, filters), change, current };
  }
  if (pcs.installed + pcs.restart > 0) return { kind: "healthy", tried: pcs.tried, restart: pcs.restart };
  if (pcs.tried > 0) return { kind: "undecided", tried: pcs.tried };
  return { kind: "untried" };
}

export function toneOf(verdict: Verdict): Tone {
  return verdict.kind === "failing" ? "bad" : verdict.kind === "healthy" ? "good" : "neutral";
}

/** The range goes on to this day, so that its end is now. */
export function isCurrent(data: Pick<Overview, "range" | "now">): boolean {
  return data.range.to >= data.now.slice(0, 10);
}

/** PCs that share the commonest cause; nothing where each has its own, or where one cause was asked for. */
function oneReason({ pcs, top_causes: causes }: Figures, filters: Filters): number | null {
  const share = Math.max(0, ...causes.map((cause) => cause.pcs_now));
  return filters.cause || share < 2 ? null : Math.min(share, pcs.failing);
}

/** The sentence; `what` is the name that is not known, as the reader is to see it. */
export function sentenceOf(verdict: Verdict, silent: number, t: Messages, what: string): string {
  const said = t.headline;
  const end = `${said.end}${silent > 0 ? said.silent(silent) : ""}`;
  switch (verdict.kind) {
    case "failing": {
      const { failing, oneReason, change, current } = verdict;
      const reason = oneReason === null ? "" : said.oneReason(oneReason === failing, oneReason);
      return (
        (current ? said.failing(failing) : said.failingThen(failing)) +
        reason +
        (change === null ? "" : said.change(change)) +
        end
      );
    }
    case "healthy":
      return said.healthy(verdict.tried) + (verdict.restart > 0 ? said.restart(verdict.restart) : "") + end;
    case "undecided":
      return said.undecided(verdict.tried) + end;
    case "untried":
      return said.untried + end;
    case "unknown":
      return (
        (verdict.key === null ? said.nothing : verdict.key === "kb" ? said.noneTried(what) : said.noneHas(what)) +
        said.end
      );
  }
}
