// The pages of updates and causes, in English.

import { count } from "../format";

const n = (value: number) => count("en", value);
const s = (value: number, one: string, many = `${one}s`) => `${n(value)} ${value === 1 ? one : many}`;

export const sections = {
  updates: {
    title: "Updates",
    update: "Update",
    search: "KB number",
    total: (total: number) => s(total, "update"),
    none: "No update was tried in these days",
    noneMatch: "No update matches",
    firstTry: "First try",
    rollout: "PCs by what became of it",
    rolloutHint: (tried: number, seen: number) => `${n(tried)} of ${n(seen)} PCs seen tried it`,
    have: (share: string) => `${share} of those that tried have it`,
    curve: "PCs that have it, by day",
    curveBefore: (kb: string) => `against ${kb}, from the day of its own first try`,
    curveLines: (kb: string) => `${kb}, installed`,
    curveFailing: (kb: string) => `${kb}, failing`,
    day: "Day",
    causes: "Why it fails",
    noCauses: "No cause stands against it",
    builds: "By Windows build",
    build: "Build",
    share: "Share failing",
    lacks: "Who still lacks it",
    lacksNone: "Every PC seen has it",
    unknownKb: (kb: string) => `No PC has tried ${kb} in these days`,
    headline: (kb: string, failing: number, tried: number) =>
      failing === 0
        ? `${kb}: no PC fails, ${s(tried, "PC")} tried it`
        : `${kb}: ${s(failing, "PC")} of ${n(tried)} ${failing === 1 ? "fails" : "fail"}`,
    none_yet: (kb: string) => `${kb}: nobody has tried it`,
  },
  causes: {
    title: "Causes",
    search: "Words, code or object",
    total: (total: number) => s(total, "cause"),
    none: "No cause was found in these days",
    noneMatch: "No cause matches",
    states: "State",
    all: "All",
    codes: "Codes in the logs of these days",
  },
  cause: {
    headline: (now: number) =>
      now === 0 ? "No PC fails by it now" : `${s(now, "PC")} ${now === 1 ? "fails" : "fail"} by it now`,
    ever: (pcs: number, times: number) => `${s(pcs, "PC")} and ${s(times, "attempt")} in these days`,
    firstLast: (first: string, last: string) => `${first} to ${last}`,
    unknown: "This cause has not been seen in these days",
    unknownHint: "Widen the days, or look for it among all causes.",
    meaning: "What it means",
    usersSee: "Users see",
    equals: "The same code",
    overTime: "PCs that failed by it, by day",
    pcs: "PCs",
    attempts: "Attempts",
    sample: "The latest case",
    sampleOn: "On",
    objects: "Objects it names",
    objectsCut: (shown: number, total: number) => `the first ${n(shown)} of ${n(total)}`,
    noObjects: "It names none",
    kbs: "Updates that fail by it",
    common: "What failing PCs have in common",
    commonHint: "Against PCs that tried the same updates and do not fail",
    kinds: { build: "Build", servicing_stack: "Servicing stack", label: "Label" } as Record<string, string>,
    failingWith: "Failing",
    healthyWith: "Healthy",
    onlyFailing: "only failing ones",
    noCommon: "Nothing stands out",
    twins: "Healthy twins",
    twinsHint: "Same build, same update, installed: to copy a file from, or to compare with",
    noTwins: "No healthy PC has the same build and update",
    list: "PCs that fail by it",
  },
};
