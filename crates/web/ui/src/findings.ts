// Findings of one PC, put together by their cause. Pure.

import type { Attempt, Finding } from "./api";

/** Findings with one cause: what is the same of them is told once. */
export interface CauseGroup {
  id: string;
  /** The one that was seen last: its words and its evidence are shown. */
  latest: Finding;
  all: Finding[];
  /** Each once. */
  objects: string[];
  kbs: string[];
  count: number;
  first: string | null;
  last: string | null;
  /** Updates that ended it; empty where nothing did, or nobody knows which. */
  closedBy: string[];
}

export interface Sorted {
  /** What nothing has ended, the gravest first. */
  failing: CauseGroup[];
  solved: CauseGroup[];
  /** Only worth knowing. */
  noted: CauseGroup[];
}

/** The id of a finding's cause, as the API spells it. */
export const causeOf = (finding: Pick<Finding, "rule" | "category" | "root_code">): string =>
  `${finding.rule || finding.category}~${finding.root_code ?? ""}`;

const GRAVITY = ["critical", "error", "warning"];
const gravity = ({ latest }: CauseGroup) => {
  const at = GRAVITY.indexOf(latest.severity);
  return at < 0 ? GRAVITY.length : at;
};

/** A cause that one finding still has open is open, whatever became of the others. */
export function sorted(findings: readonly Finding[]): Sorted {
  const real = findings.filter(({ severity }) => severity !== "info");
  const open = real.filter((finding) => finding.open !== false);
  const ids = new Set(open.map(causeOf));
  const later = real.filter((finding) => finding.open === false && !ids.has(causeOf(finding)));
  return {
    failing: groups(open).sort((a, b) => gravity(a) - gravity(b) || (b.last ?? "").localeCompare(a.last ?? "")),
    solved: groups(later).sort((a, b) => (b.last ?? "").localeCompare(a.last ?? "")),
    noted: groups(findings.filter(({ severity }) => severity === "info")),
  };
}

function groups(findings: readonly Finding[]): CauseGroup[] {
  const byCause = new Map<string, Finding[]>();
  for (const finding of findings) byCause.set(causeOf(finding), [...(byCause.get(causeOf(finding)) ?? []), finding]);
  return [...byCause].map(([id, all]) => {
    const times = all.flatMap(({ logged }) => (logged ? [logged] : [])).sort();
    const latest = all.reduce((best, each) => ((each.logged ?? "") > (best.logged ?? "") ? each : best));
    return {
      id,
      latest,
      all,
      objects: once(all.map(({ object }) => object)),
      kbs: once(all.map(({ kb }) => kb)),
      count: all.reduce((sum, each) => sum + each.count, 0),
      first: times[0] ?? null,
      last: times.at(-1) ?? null,
      closedBy: once(all.map((each) => each.closed_by ?? "")),
    };
  });
}

const once = (texts: string[]) => [...new Set(texts.filter(Boolean))];

/** The newest attempt that failed by a cause, where the page of attempts holds it. */
export function attemptOf({ all }: Pick<CauseGroup, "all">, attempts: readonly Attempt[]): Attempt | null {
  const places = new Set(all.map(({ place }) => place));
  return attempts.find(({ finding }) => finding !== null && places.has(finding)) ?? null;
}

const FAILED = ["failed", "rolled_back"];
export const hasFailed = ({ outcome }: Pick<Attempt, "outcome">): boolean => FAILED.includes(outcome);

/** The attempt that a report is about where nobody said: the newest that failed, as attempts come newest first. */
export const latestFailure = (attempts: readonly Attempt[]): Attempt | null => attempts.find(hasFailed) ?? null;
