// Updates and causes of the made-up fleet.

import { CODES, equivalents } from "./codes.mjs";
import { DAYS, attempts, endpoints } from "./data.mjs";
import {
  causeId,
  causesOf,
  dayBefore,
  failingBy,
  isNamed,
  kbsOf,
  narrowed,
  rangeOf,
  row,
  stateOfUpdate,
  states,
  tally,
} from "./fleet.mjs";
import { findingsOf } from "./machine.mjs";
import { failed, groupBy, machines, meaning } from "./shared.mjs";

/** A page of rows and where the next one begins. */
function page(rows, query) {
  const after = Number(query.get("after") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  return {
    rows: rows.slice(after, after + limit),
    total: rows.length,
    next: after + limit < rows.length ? String(after + limit) : null,
  };
}

const causesNow = (query) => {
  const shown = narrowed(query);
  const older = [1, 7].map((days) => failingBy(narrowed(query, dayBefore(days, query))));
  return causesOf(shown.filter(failed), [failingBy(shown), ...older]);
};

export function updateList(query) {
  const q = (query.get("q") ?? "").toLowerCase();
  const shown = narrowed(query);
  const rows = kbsOf(shown)
    .filter(({ kb }) => kb.toLowerCase().includes(q))
    .map((kb) => ({ ...kb, title: null }));
  const { rows: updates, total, next } = page(rows, query);
  return { range: rangeOf(query), updates, total, next };
}

/** PCs that have an update by the end of each day, and those that failed it and do not. */
const curve = (list, days) =>
  days.map((day) => {
    const pcs = groupBy(
      list.filter((a) => a.day <= day),
      (a) => a.endpoint.id,
    ).map(([, own]) => stateOfUpdate(own));
    const count = (...wanted) => pcs.filter((state) => wanted.includes(state)).length;
    return { t: day, installed: count("installed", "recovered"), failing: count("failing") };
  });

export function updateDetail(kb, query) {
  const range = rangeOf(query);
  const asked = new URLSearchParams(query);
  asked.set("kb", kb);
  const list = narrowed(asked);
  const all = states(list);
  const seen = endpoints.filter(isNamed(query)).length;
  const days = DAYS.filter((day) => day >= range.from && day <= range.to);
  const causes = causesNow(asked);
  const [older] = ["KB5015730", "KB5015020"].filter((other) => other !== kb);
  const before = attempts.filter((a) => a.kb === older);
  const first = before[0].day;
  return {
    range,
    kb,
    known: list.length > 0,
    pcs: { seen, tried: all.size, ...tally(all), superseded: 0, not_tried: seen - all.size },
    over_time: curve(list, days),
    before:
      list.length === 0
        ? null
        : {
            kb: older,
            over_time: curve(
              before,
              DAYS.filter((day) => day >= first),
            ).map(({ installed, failing }, day) => ({ day, installed, failing })),
          },
    first: list[0]?.day ?? null,
    causes: causes.slice(0, 20),
    causes_total: causes.length,
    builds: groupBy([...all], ([e]) => e.build).map(([build, pcs]) => ({
      build,
      tried: pcs.length,
      failing: pcs.filter(([, state]) => state === "failing").length,
      installed: pcs.filter(([, state]) => state === "installed" || state === "recovered").length,
    })),
  };
}

export function causeList(query) {
  const q = (query.get("q") ?? "").toLowerCase();
  const state = query.get("state");
  const rows = causesNow(query).filter(
    (cause) =>
      (!state || cause.state === state) &&
      [cause.id, cause.title.en, cause.title.zh, cause.object].some((text) => text.toLowerCase().includes(q)),
  );
  const { rows: causes, total, next } = page(rows, query);
  return { range: rangeOf(query), causes, total, next };
}

export function causeDetail(id, query) {
  const asked = new URLSearchParams(query);
  asked.set("cause", id);
  const range = rangeOf(query);
  const known = causesNow(asked).find((cause) => cause.id === id);
  if (!known) return { range, known: false, id };
  const shown = narrowed(query);
  const bad = shown.filter((a) => failed(a) && causeId(a.cause) === id);
  const { cause } = bad[0];
  const now = failingBy(shown).get(id) ?? new Set();
  const kbs = new Set(bad.map((a) => a.kb));
  const tried = states(shown.filter((a) => kbs.has(a.kb)));
  const healthy = [...tried].filter(([, state]) => state !== "failing").map(([e]) => e);
  const failing = endpoints.filter((e) => now.has(e.id));
  const latest = bad.at(-1);
  const { objects: objectsTotal, ...head } = known;
  return {
    range,
    known: true,
    ...head,
    advice: cause.advice,
    meaning: meaning(cause.root),
    equals: equivalents(cause.root),
    over_time: groupBy(bad, (a) => a.day).map(([t, list]) => ({ t, pcs: machines(list), count: list.length })),
    objects: cause.object ? [{ object: cause.object, pcs: machines(bad) }] : [],
    objects_total: objectsTotal,
    kbs: groupBy(bad, (a) => a.kb).map(([kb, list]) => ({ kb, pcs: machines(list), count: list.length })),
    terminal_codes: [{ code: cause.terminal, names: CODES[cause.terminal][1], count: bad.length }],
    sample: {
      endpoint: latest.endpoint.id,
      finding: findingsOf(
        latest.endpoint,
        attempts.filter((a) => a.endpoint === latest.endpoint),
      )[0],
    },
    common: commonOf(failing, healthy),
    twins: healthy
      .filter((e) => failing.some((other) => other.build === e.build))
      .slice(0, 10)
      .map((e) => row(e, tried.get(e), shown)),
  };
}

function commonOf(failing, healthy) {
  const values = (list) => [
    ...list.map((e) => ["build", "", e.build]),
    ...list.flatMap((e) => e.labels.map(({ label, value }) => ["label", label, value])),
  ];
  const key = (each) => each.join("|");
  const counted = new Map(groupBy(values(healthy), key));
  return groupBy(values(failing), key)
    .map(([name, list]) => {
      const [kind, label, value] = list[0];
      const good = counted.get(name)?.length ?? 0;
      const lift = good === 0 ? null : list.length / failing.length / (good / healthy.length);
      return {
        kind,
        label,
        value,
        failing: list.length,
        of_failing: failing.length,
        healthy: good,
        of_healthy: healthy.length,
        lift,
      };
    })
    .filter((each) => each.failing >= 2)
    .sort((a, b) => (b.lift ?? 99) - (a.lift ?? 99) || b.failing - a.failing);
}
