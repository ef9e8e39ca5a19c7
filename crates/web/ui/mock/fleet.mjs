// The made-up fleet as the overview and the list of endpoints see it.

import { CODES } from "./codes.mjs";
import { DAYS, attempts, endpoints } from "./data.mjs";
import { NOW, failed, groupBy, machines, meaning } from "./shared.mjs";

export const causeId = (cause) => `${cause.rule}~${cause.root}`;
/** The gravest first: a PC's own state is that of its worst update. */
export const GRAVITY = ["failing", "restart", "cancelled", "recovered", "installed", "unknown"];

/** PCs that a query names by id and labels, whatever they tried. */
export const isNamed = (query) => (e) =>
  (!query.get("endpoint") || e.id === query.get("endpoint")) &&
  query.getAll("label").every((text) => e.labels.some(({ label, value }) => text === `${label}:${value}`));

/** The attempts that a query narrows to, up to `until` where that is before its end. */
export function narrowed(query, until = "9999") {
  const { from, to } = rangeOf(query);
  const [kb, category, cause, code] = ["kb", "category", "cause", "code"].map((key) => query.get(key));
  const named = isNamed(query);
  return attempts.filter(
    (attempt) =>
      attempt.day >= from &&
      attempt.day <= to &&
      attempt.day <= until &&
      (!kb || attempt.kb === kb) &&
      named(attempt.endpoint) &&
      (!category || attempt.cause?.category === category) &&
      (!cause || (attempt.cause && causeId(attempt.cause) === cause)) &&
      (!code || attempt.cause?.root === code || attempt.cause?.terminal === code),
  );
}

export const rangeOf = (query) => ({ from: query.get("from") ?? DAYS[0], to: query.get("to") ?? DAYS.at(-1) });
export const dayBefore = (days, query) => {
  const at = DAYS.indexOf(rangeOf(query).to) - days;
  return DAYS[at] ?? "0000";
};

/** What became of one PC's attempts of one update. */
export function stateOfUpdate(list) {
  const last = list.at(-1).outcome;
  if (last === "pending_reboot") return "restart";
  if (last === "failed" || last === "rolled_back") return "failing";
  if (last === "succeeded") return list.some(failed) ? "recovered" : "installed";
  return last;
}

/** The state of each PC that tried. */
export function states(list) {
  const all = new Map();
  for (const [endpoint, own] of groupBy(list, (a) => a.endpoint)) {
    const updates = groupBy(own, (a) => a.kb).map(([, each]) => stateOfUpdate(each));
    all.set(
      endpoint,
      GRAVITY.find((state) => updates.includes(state)),
    );
  }
  return all;
}

export function tally(all) {
  const counts = Object.fromEntries(GRAVITY.map((state) => [state, 0]));
  for (const state of all.values()) counts[state] += 1;
  return { ...counts, installed: counts.installed + counts.recovered };
}

/** PCs that fail by a cause: those whose last failed attempt of an update that still fails has it. */
export function failingBy(list) {
  const by = new Map();
  for (const [, own] of groupBy(list, (a) => `${a.endpoint.id} ${a.kb}`)) {
    if (stateOfUpdate(own) !== "failing") continue;
    const id = causeId(own.findLast(failed).cause);
    by.set(id, (by.get(id) ?? new Set()).add(own[0].endpoint.id));
  }
  return by;
}

export function overview(query, { empty, disk }) {
  const { from, to } = rangeOf(query);
  const shown = empty ? [] : narrowed(query);
  const [dayAgo, weekAgo] = [1, 7].map((days) => narrowed(query, dayBefore(days, query)));
  const step = from === to ? "hour" : "day";
  const slot = (attempt) => (step === "day" ? attempt.day : `${attempt.day} ${attempt.start.slice(11, 13)}:00`);
  const bad = shown.filter(failed);
  const now = states(shown);
  const counts = tally(now);
  const seen = empty ? [] : endpoints.filter(isNamed(query));
  const labelled = query.has("label");
  const known = empty || shown.length > 0;
  const causes = causesOf(bad, [shown, dayAgo, weekAgo].map(failingBy));
  const kbs = kbsOf(shown);
  return {
    range: { from, charted_from: from, to, step },
    now: NOW,
    pending_units: 0,
    pcs: {
      seen: seen.length,
      tried: now.size,
      ...counts,
      not_tried: seen.length - now.size,
      failing_day_ago: tally(states(dayAgo)).failing,
      failing_week_ago: tally(states(weekAgo)).failing,
      silent: seen.filter((e) => e.silent).length,
      clock_ahead: seen.filter((e) => e.clock_ahead).length,
      last_log: empty ? null : NOW,
    },
    totals: {
      attempts: shown.length,
      failed: bad.length,
      succeeded: shown.filter((a) => a.outcome === "succeeded").length,
      other: shown.filter((a) => a.outcome === "pending_reboot").length,
      events: labelled ? null : shown.length * 31,
      noise: labelled ? null : shown.length * 17,
      raw_bytes: machines(shown) * 13_800_000,
    },
    disk,
    over_time: groupBy(shown, slot).map(([t, list]) => ({
      t,
      failed: list.filter(failed).length,
      succeeded: list.filter((a) => a.outcome === "succeeded").length,
      other: list.filter((a) => a.outcome === "pending_reboot").length,
    })),
    marks: empty ? [] : [{ at: `${DAYS[11]}T09:30:00.000Z`, what: "reprocess.apply" }],
    categories_over_time: groupBy(bad, (a) => `${slot(a)}|${a.cause.category}`).map(([key, list]) => ({
      t: key.split("|")[0],
      category: key.split("|")[1],
      count: list.length,
    })),
    top_causes: causes.slice(0, 20),
    causes_total: causes.length,
    top_codes: labelled ? [] : codesOf(shown, bad),
    kbs: kbs.slice(0, 20),
    kbs_total: kbs.length,
    known,
    like: known || !query.get("kb") ? [] : alike(query.get("kb")),
    endpoints: [...now]
      .filter(([, state]) => state === "failing")
      .map(([endpoint, state]) => row(endpoint, state, shown))
      .sort((a, b) => b.failed - a.failed)
      .slice(0, 20),
    ...(query.get("by") ? { groups: groupsOf(seen, now, bad, query.get("by")) } : {}),
  };
}

const valueOf = (endpoint, label) => endpoint.labels.find((each) => each.label === label)?.value ?? "";

function groupsOf(seen, now, bad, by) {
  return groupBy(seen, (e) => valueOf(e, by))
    .map(([value, list]) => ({
      value,
      endpoints: list.length,
      endpoints_failing: list.filter((e) => now.get(e) === "failing").length,
      failed: bad.filter((a) => valueOf(a.endpoint, by) === value).length,
    }))
    .sort((a, b) => b.endpoints_failing - a.endpoints_failing || b.endpoints - a.endpoints);
}

export function labelList() {
  const all = endpoints.flatMap((e) => e.labels);
  return {
    labels: groupBy(all, ({ label }) => label)
      .map(([label, list]) => ({
        label,
        values: groupBy(list, ({ value }) => value).map(([value, each]) => ({ value, endpoints: each.length })),
      }))
      .sort((a, b) => a.label.localeCompare(b.label)),
  };
}

export function causesOf(bad, [now, dayAgo, weekAgo]) {
  return groupBy(bad, (a) => causeId(a.cause))
    .map(([id, list]) => {
      const { cause } = list[0];
      const [pcsNow, pcsDayAgo, pcsWeekAgo] = [now, dayAgo, weekAgo].map((by) => by.get(id)?.size ?? 0);
      const growth = pcsNow - pcsDayAgo || pcsNow - pcsWeekAgo;
      const since = growth > 0 ? "growing" : growth < 0 ? "shrinking" : "steady";
      return {
        id,
        state: pcsNow === 0 ? "gone" : list[0].day === DAYS.at(-1) ? "new" : pcsDayAgo === 0 ? "back" : since,
        category: cause.category,
        rule: cause.rule,
        title: cause.title,
        root_code: cause.root,
        root_name: CODES[cause.root][1][0],
        object: cause.object,
        objects: cause.object ? 1 : 0,
        pcs_now: pcsNow,
        pcs_day_ago: pcsDayAgo,
        pcs_week_ago: pcsWeekAgo,
        pcs: machines(list),
        count: list.length,
        first: list[0].start,
        last: list.at(-1).start,
      };
    })
    .sort((a, b) => b.pcs_now - a.pcs_now || b.pcs - a.pcs || b.count - a.count);
}

export function kbsOf(shown) {
  return groupBy(shown, (a) => a.kb)
    .map(([kb, list]) => {
      const all = states(list);
      return {
        kb,
        tried: all.size,
        ...tally(all),
        superseded: 0,
        failed: list.filter(failed).length,
        succeeded: list.filter((a) => a.outcome === "succeeded").length,
        first: list[0].day,
        last: list.at(-1).day,
      };
    })
    .sort((a, b) => b.failing - a.failing || b.tried - a.tried);
}

function codesOf(shown, bad) {
  return [
    ...groupBy(bad, (a) => a.cause.root).map(([code, list]) => ({
      code,
      events: list.length * 3,
      noise: Math.floor(list.length / 4),
      endpoints: machines(list),
    })),
    ...(shown.length > 40
      ? [
          { code: "0x800f0805", events: 1450, noise: 1450, endpoints: 220 },
          { code: "0x80070002", events: 402, noise: 390, endpoints: 180 },
        ]
      : []),
  ]
    .sort((a, b) => b.events - b.noise - (a.events - a.noise))
    .map((each) => ({ ...each, space: CODES[each.code][0], names: CODES[each.code][1], meaning: meaning(each.code) }));
}

/** KBs of the fleet by how many of their characters stand at the same place. */
function alike(kb) {
  const near = (other) => [...other].filter((letter, at) => kb[at] === letter).length;
  return [...new Set(attempts.map((a) => a.kb))].sort((a, b) => near(b) - near(a)).slice(0, 5);
}

export function row(endpoint, state, shown) {
  const list = shown.filter((a) => a.endpoint === endpoint);
  const last = list.findLast(failed);
  return {
    endpoint: endpoint.id,
    name: endpoint.name,
    host: endpoint.host,
    labels: endpoint.labels,
    build: endpoint.build,
    state,
    failed: list.filter(failed).length,
    last_failure: last?.start ?? null,
    last_seen: list.at(-1)?.end ?? null,
    first_seen: `${DAYS[0]} 08:00:10`,
    covered: !endpoint.silent,
    silent: Boolean(endpoint.silent),
    category: last?.cause.category ?? null,
    cause: last ? causeId(last.cause) : null,
    kb: last?.kb ?? null,
    title: last?.cause.title ?? null,
  };
}

const SORTS = {
  name: (a, b) => a.endpoint.localeCompare(b.endpoint),
  failed: (a, b) => b.failed - a.failed,
  last_failure: (a, b) => (b.last_failure ?? "").localeCompare(a.last_failure ?? ""),
  last_seen: (a, b) => (b.last_seen ?? "").localeCompare(a.last_seen ?? ""),
};

/** Every row of a list; filters that name an update, a cause or a code leave PCs out that did not try it. */
function rowsOf(query) {
  const shown = narrowed(query);
  const now = states(shown);
  const q = (query.get("q") ?? "").toLowerCase();
  const state = query.get("state");
  const named = ["kb", "category", "cause", "code"].some((key) => query.get(key));
  const beside = ["silent", "clock_ahead", "cloned"].includes(state);
  const isBeside = (e) => (state === "cloned" ? e === endpoints[4] : e[state]);
  return endpoints
    .filter((e) => isNamed(query)(e) && (!named || beside || now.has(e)))
    .filter((e) => !q || [e.id, e.name, e.host].some((text) => text.toLowerCase().includes(q)))
    .filter((e) => !beside || isBeside(e))
    .map((e) => row(e, now.get(e) ?? "not_tried", shown))
    .filter((r) => !state || beside || r.state === state || (state === "installed" && r.state === "recovered"))
    .sort(SORTS[query.get("sort")] ?? SORTS.name);
}

export function endpointList(query) {
  const after = Number(query.get("after") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const rows = rowsOf(query);
  return {
    range: rangeOf(query),
    endpoints: rows.slice(after, after + limit),
    total: rows.length,
    next: after + limit < rows.length ? String(after + limit) : null,
  };
}
