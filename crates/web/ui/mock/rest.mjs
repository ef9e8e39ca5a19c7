// Search, what is not explained, coverage, alerts and the system, made up.

import { CODES } from "./codes.mjs";
import { DAYS, attempts, endpoints } from "./data.mjs";
import { causeId, isNamed, kbsOf, narrowed, rangeOf, states } from "./fleet.mjs";
import { NOW, failed, groupBy, machines } from "./shared.mjs";

export function search(query) {
  const asked = (query.get("q") ?? "").trim();
  const q = asked.toLowerCase();
  const has = (text) =>
    q !== "" &&
    String(text ?? "")
      .toLowerCase()
      .includes(q);
  const now = states(attempts);
  // A pasted line names codes in it.
  const codes = Object.entries(CODES)
    .filter(([code, [, names]]) => has(code) || names.some((name) => has(name) || q.includes(name.toLowerCase())))
    .concat(Object.entries(CODES).filter(([code]) => q.includes(code)))
    .map(([code, [, names]]) => ({ code, names }));
  const pcs = endpoints
    .filter((e) => has(e.id) || has(e.host) || has(e.name))
    .map((e) => ({ id: e.id, name: e.name || null, host: e.host, state: now.get(e) ?? "not_tried" }));
  const updates = kbsOf(attempts)
    .filter(({ kb }) => has(kb))
    .map(({ kb, failing, tried }) => ({ kb, failing, tried }));
  const byCause = groupBy(attempts.filter(failed), (a) => causeId(a.cause));
  const causes = byCause
    .filter(([, [{ cause }]]) => has(cause.title.en) || has(cause.title.zh) || has(cause.rule))
    .map(([id, list]) => ({ id, title: list[0].cause.title, pcs: machines(list) }));
  const objects = byCause
    .filter(([, [{ cause }]]) => has(cause.object))
    .map(([id, list]) => ({ object: list[0].cause.object, cause: id, pcs: machines(list) }));
  const exact = [
    ...pcs
      .filter((e) => [e.id, e.host, e.name].some((text) => text?.toLowerCase() === q))
      .map((e) => `/endpoints/${e.id}`),
    ...updates.filter(({ kb }) => kb.toLowerCase() === q || kb.slice(2) === q).map(({ kb }) => `/updates/${kb}`),
    ...codes
      .filter(({ code, names }) => code === q || names.some((name) => name.toLowerCase() === q))
      .map(({ code }) => `/codes/${code}`),
  ];
  const first = (list) => list.slice(0, 8);
  const once = [...new Map(codes.map((each) => [each.code, each])).values()];
  return {
    q: asked,
    go: new Set(exact).size === 1 ? exact[0] : null,
    pcs: first(pcs),
    updates: first(updates),
    codes: first(once),
    causes: first(causes),
    objects: first(objects),
  };
}

export function unexplained(query) {
  const shown = narrowed(query).filter(failed);
  const open = shown.filter((_, at) => at % 11 === 3);
  const clusters = groupBy(open, (a) => a.cause.terminal).map(([code, list]) => ({
    id: `unclassified~${code}`,
    code,
    names: CODES[code][1],
    component: "CBS",
    text: `Failed to * the made-up thing *: <b>[HRESULT = ${code} - ${CODES[code][1][0]}]</b>`,
    pcs: machines(list),
    attempts: list.length,
    share: list.length / open.length,
    builds: [...new Set(list.map((a) => a.endpoint.build))],
    kbs: [...new Set(list.map((a) => a.kb))].slice(0, 5),
    samples: list.slice(0, 3).map((a) => ({
      endpoint: a.endpoint.id,
      attempt: a.id,
      logged: a.start,
      text: `Failed to stage the made-up thing 17: [HRESULT = ${code} - ${CODES[code][1][0]}]`,
    })),
    draft: `- id: made_up_${code}\n  match:\n    code: ${code}\n    text: "Failed to * the made-up thing *"\n  no_match:\n    - "Failed to open the made-up thing"\n  title:\n    en: TODO\n    zh: TODO\n`,
  }));
  clusters.sort((a, b) => b.attempts - a.attempts);
  return {
    range: rangeOf(query),
    failed: shown.length,
    unexplained: open.length,
    clusters,
    clusters_total: clusters.length,
  };
}

/** A machine whose disk was copied. */
const clonesOf = (seen) => seen.slice(4, 5).map((e) => ({ endpoint: e.id, hosts: [e.host, `${e.host}-COPY`] }));

export function coverage(query) {
  const { from, to } = rangeOf(query);
  const seen = endpoints.filter(isNamed(query));
  return {
    range: { from, to },
    seen: seen.length,
    silent: seen.filter((e) => e.silent).length,
    clock_ahead: seen.filter((e) => e.clock_ahead).length,
    reporting: DAYS.filter((day) => day >= from && day <= to).map((t) => ({
      t,
      pcs: machines(attempts.filter((a) => a.day === t)),
    })),
    gaps: seen.slice(0, 3).map((e, at) => ({
      endpoint: e.id,
      stream: "00000000c0ffee02",
      source: "cbs",
      path: "C:\\Windows\\Logs\\CBS\\CbsPersist_20220812011102.cab",
      from: 1_048_576,
      to: 1_310_720 + at * 70_000,
      reason: "not_received",
    })),
    gaps_total: 3,
    lost: seen.slice(1, 3).map((e, at) => ({
      endpoint: e.id,
      source: at === 0 ? "cbs" : "event_log",
      stream: at === 0 ? "00000000c0ffee02" : null,
      path: at === 0 ? "C:\\Windows\\Logs\\CBS\\CBS.log" : "C:\\Windows\\System32\\winevt\\Logs\\System.evtx",
      from: at === 0 ? 1_048_576 : 4_711,
      to: at === 0 ? 1_310_720 : 5_000,
      unit: at === 0 ? "bytes" : "records",
      reason: at === 0 ? "gone" : "overwritten",
      told: "2022-08-18T08:30:00.000Z",
    })),
    lost_total: Math.min(2, Math.max(0, seen.length - 1)),
    clones: clonesOf(seen),
    clones_total: clonesOf(seen).length,
  };
}

export function alerts() {
  const bad = attempts.findLast(
    (a) => failed(a) && a.cause.rule === "fs_corrupt_path" && a.endpoint.id !== "HOSTILE-1",
  );
  const alert = {
    id: "a1",
    rule: "new_cause",
    severity: "critical",
    state: "firing",
    labels: { site: "上海: 浦东" },
    since: `${bad.day}T01:00:00.000Z`,
    value: 3,
    title: { en: `${bad.kb} fails on ${bad.endpoint.host}`, zh: `${bad.endpoint.host} 上的 ${bad.kb} 安装失败` },
    page: `/endpoints/${bad.endpoint.id}/attempts/${bad.id}`,
    deliveries: [
      { receiver: "dingtalk", at: `${bad.day}T01:00:02.000Z`, ok: true, error: null },
      { receiver: "mail", at: `${bad.day}T01:00:03.000Z`, ok: false, error: "connection refused" },
    ],
  };
  const rule = {
    name: "new_cause",
    severity: "critical",
    state: "firing",
    groups: 1,
    value: 3,
    threshold: 2,
    last: NOW,
    error: null,
    title: { en: "A new cause on several PCs", zh: "多台电脑出现新原因" },
    about: { en: "PCs that fail by a cause first seen today", zh: "因今天首次出现的原因而失败的电脑数" },
  };
  return {
    evaluated: NOW,
    configured: true,
    rules: [
      rule,
      {
        ...rule,
        name: "silent",
        severity: "warning",
        state: "inactive",
        groups: 0,
        value: 9,
        threshold: 20,
        title: { en: "Many silent PCs", zh: "大量电脑静默" },
        about: { en: "PCs without a log for 7 days", zh: "7 天没有日志的电脑数" },
      },
    ],
    firing: [alert],
    history: [
      {
        ...alert,
        id: "a0",
        labels: {},
        deliveries: [],
        since: `${DAYS[9]}T01:00:00.000Z`,
        resolved: `${DAYS[10]}T02:00:00.000Z`,
      },
    ],
  };
}

/** With trouble where the disk is full or the analysis lags. */
export function system(status) {
  const trouble = [
    ...(status.disk.full ? [{ en: "The disk bound is reached.", zh: "已达到磁盘上限。" }] : []),
    ...(status.pending_units > 0 ? [{ en: "Analysis is 47 s behind.", zh: "分析滞后 47 秒。" }] : []),
  ];
  const none = { total: 0, rows: [] };
  return {
    version: "0.0.0",
    now: NOW,
    disk: status.disk,
    pending_units: status.pending_units,
    ...(status.oldest_pending_s === undefined ? {} : { oldest_pending_s: status.oldest_pending_s }),
    rule_set: {
      sequence: 3,
      digest: "6f1c0ffee6f1c0ffee6f1c0ffee",
      rules: 214,
      site: true,
    },
    rule_sets: [
      { sequence: 3, digest: "6f1c0ffee6f1c0ffee6f1c0ffee" },
      { sequence: 2, digest: "51c0ffee51c0ffee51c0ffee51" },
    ],
    jobs: [
      {
        id: "0ddba11f",
        kind: "reprocess",
        undoes: null,
        state: "applying",
        actor: "made-up (uid 1000)",
        made: `${DAYS[10]}T08:00:00.000Z`,
        changed: `${DAYS[11]}T09:30:00.000Z`,
        from: DAYS[0],
        to: DAYS[11],
        endpoints: null,
        label: "ring:pilot",
        sources: ["cbs"],
        base: 2,
        rule_set: 3,
        digest: "6f1c0ffee6f1c0ffee6f1c0ffee",
        changes: { events: { appears: 1_204, vanishes: 7 }, findings: { appears: 31 }, units: 12 },
        progress: {
          at: `${DAYS[11]}T09:31:00.000Z`,
          phase: "classify",
          bytes: 41_000_000,
          bytes_total: 96_000_000,
          chunks: 160,
          poisoned: 0,
          units: 12,
        },
      },
    ],
    dead_letters: {
      total: 1,
      rows: [
        {
          at: `${DAYS[12]}T10:00:00.000Z`,
          endpoint: endpoints[0].id,
          source: "cbs",
          reason: "the header names no stream <b>at all</b>",
          bytes: 1154,
        },
      ],
    },
    dead_units: none,
    topic_gaps: { total: 1, rows: [{ topic: "records", partition: 0, from: 17, to: 21, after: null, before: NOW }] },
    lost_parts: none,
    tables: [
      { table: "events", rows: 14_629, bytes: 4_100_000 },
      { table: "attempts", rows: attempts.length, bytes: 310_000 },
    ],
    trouble,
  };
}

/** Who did what: two pages of it. */
export function audit(query) {
  const row = (number, actor, action, object, after) => ({
    at: new Date(Date.UTC(2024, 2, 15, 12, number)).toISOString(),
    actor,
    action,
    object,
    before: null,
    after,
    writer: "00000000000000ab",
    number,
    previous: [],
    hash: String(number).padStart(64, "0"),
  });
  const rows = [
    row(4, "reader:ops", "log.view", "PC-0042", { stream: "00000000c0ffee01", from: 0, to: 8_123 }),
    row(3, "admin:root", "list.export", "/endpoints.csv", { rows: 240, bytes: 40_112, cut: false }),
    row(2, "made-up (uid 1000)", "token.create", "ops", { kind: "reader", state: "active" }),
    row(1, "made-up (uid 1000)", "endpoint.label", "PC-0042", { ring: "pilot" }),
  ];
  return query.get("after") ? { rows: rows.slice(2), next: null } : { rows: rows.slice(0, 2), next: "older" };
}
