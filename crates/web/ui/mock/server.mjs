// Serves the API's contract from made-up data, and dist/ beside it, for working on the pages without cbsift.
// MOCK=empty shows a store without data, MOCK=error a store that fails, MOCK=full a full disk, MOCK=slow takes its time. PORT=4173.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { CODES, DAYS, attempts, endpoints, equivalents, log } from "./data.mjs";

const MODE = process.env.MOCK ?? "";
const PORT = Number(process.env.PORT ?? 4173);
const DIST = new URL("../dist/", import.meta.url).pathname;
const failed = (attempt) => attempt.outcome === "failed" || attempt.outcome === "rolled_back";
const meaning = (code) => (CODES[code] ? { en: CODES[code][2], zh: CODES[code][3] } : null);
const groupBy = (list, key) => {
  const groups = new Map();
  for (const each of list) groups.set(key(each), [...(groups.get(key(each)) ?? []), each]);
  return [...groups];
};
const machines = (list) => new Set(list.map((attempt) => attempt.endpoint.id)).size;

function overview(query) {
  const to = query.get("to") ?? DAYS.at(-1);
  const from = query.get("from") ?? DAYS[0];
  const [kb, category, code, endpoint] = ["kb", "category", "code", "endpoint"].map((key) => query.get(key));
  const shown =
    MODE === "empty"
      ? []
      : attempts.filter(
          (attempt) =>
            attempt.day >= from &&
            attempt.day <= to &&
            (!kb || attempt.kb === kb) &&
            (!endpoint || attempt.endpoint.id === endpoint) &&
            (!category || attempt.cause?.category === category) &&
            (!code || attempt.cause?.root === code || attempt.cause?.terminal === code),
        );
  const step = from === to ? "hour" : "day";
  const slot = (attempt) => (step === "day" ? attempt.day : `${attempt.day} ${attempt.start.slice(11, 13)}:00`);
  const bad = shown.filter(failed);
  const all = machines(shown);
  return {
    range: { from, charted_from: from, to, step },
    pending_units: MODE === "full" ? 12 : 0,
    totals: {
      endpoints: all,
      endpoints_failing: machines(bad),
      attempts: shown.length,
      failed: bad.length,
      succeeded: shown.filter((a) => a.outcome === "succeeded").length,
      findings: bad.length,
      events: shown.length * 31,
      noise: shown.length * 17,
      raw_bytes: all * 13_800_000,
    },
    disk: {
      used_bytes: MODE === "full" ? 10.7e9 : MODE === "empty" ? 0 : 2.1e9,
      max_bytes: 10.7e9,
      full: MODE === "full",
      file_system_full: false,
    },
    over_time: groupBy(shown, slot).map(([t, list]) => ({
      t,
      failed: list.filter(failed).length,
      succeeded: list.filter((a) => a.outcome === "succeeded").length,
      other: list.filter((a) => a.outcome === "pending_reboot").length,
    })),
    categories_over_time: groupBy(bad, (a) => `${slot(a)}|${a.cause.category}`).map(([key, list]) => ({
      t: key.split("|")[0],
      category: key.split("|")[1],
      count: list.length,
    })),
    top_causes: groupBy(bad, (a) => a.cause.rule)
      .map(([rule, list]) => {
        const { cause } = list[0];
        return {
          category: cause.category,
          rule,
          title: cause.title,
          root_code: cause.root,
          root_name: CODES[cause.root][1][0],
          object: cause.object,
          objects: cause.object ? 1 : 0,
          count: list.length,
          endpoints: machines(list),
          first: list[0].start,
          last: list.at(-1).start,
        };
      })
      .sort((a, b) => b.endpoints - a.endpoints),
    top_codes: [
      ...groupBy(bad, (a) => a.cause.root).map(([each, list]) => ({
        code: each,
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
      .map((row) => ({ ...row, space: CODES[row.code][0], names: CODES[row.code][1], meaning: meaning(row.code) })),
    kbs: groupBy(shown, (a) => a.kb)
      .map(([each, list]) => ({
        kb: each,
        failed: list.filter(failed).length,
        succeeded: list.filter((a) => a.outcome === "succeeded").length,
        endpoints_failing: machines(list.filter(failed)),
      }))
      .sort((a, b) => b.failed - a.failed),
    endpoints: groupBy(bad, (a) => a.endpoint.id)
      .map(([, list]) => row(list[0].endpoint, list))
      .sort((a, b) => b.failed - a.failed)
      .slice(0, 12),
  };
}

function row(endpoint, list) {
  const last = list.filter(failed).at(-1);
  return {
    endpoint: endpoint.id,
    name: "",
    host: endpoint.host,
    labels: [{ label: "ring", value: "pilot" }],
    build: endpoint.build,
    failed: list.filter(failed).length,
    last_failure: last?.start ?? null,
    last_seen: list.at(-1)?.end ?? null,
    category: last?.cause.category ?? null,
    title: last?.cause.title ?? null,
  };
}

function endpointList(query) {
  const after = Number(query.get("after") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const q = (query.get("q") ?? "").toLowerCase();
  const rows = endpoints
    .filter((e) => !q || e.id.includes(q) || e.host.toLowerCase().includes(q))
    .map((e) =>
      row(
        e,
        attempts.filter((a) => a.endpoint === e),
      ),
    )
    .filter((r) => query.get("failing") !== "1" || r.failed > 0);
  return {
    days: { from: DAYS[0], to: DAYS.at(-1) },
    endpoints: rows.slice(after, after + limit),
    total: rows.length,
    next: after + limit < rows.length ? String(after + limit) : null,
  };
}

const STREAM = "00000000c0ffee01";

/** A page of a list and where it stands; places are ranks here. */
function paged(rows, place, size) {
  const before = Number(place || 0);
  const end = before + size;
  const previous = before === 0 ? null : before <= size ? "" : String(before - size);
  const page = { total: rows.length, before, previous, next: end < rows.length ? String(end) : null };
  return { rows: rows.slice(before, end), page };
}

const STREAMS = [
  {
    stream: STREAM,
    source: "cbs",
    path: "C:\\Windows\\Logs\\CBS\\CBS.log",
    encoding: "utf-8",
    bytes: 52_400_111,
    first: "2022-08-12 09:11:02",
    last: "2022-08-30 17:02:44",
    utc_offsets: [{ offset: "+08:00", how: "csi_stamp", from_logged: "2022-08-12 09:11:02" }],
    utc_offsets_total: 1,
    gaps: [],
    gaps_total: 0,
  },
  {
    stream: "00000000c0ffee02",
    source: "cbs",
    path: "C:\\Windows\\Logs\\CBS\\CbsPersist_20220812011102.cab",
    encoding: "utf-8",
    bytes: 51_200_008,
    first: "2022-08-01 08:00:10",
    last: "2022-08-12 09:11:00",
    utc_offsets: [
      { offset: "-08:00", how: "session_id", from_logged: "2022-08-01 08:00:10" },
      { offset: "+08:00", how: "universal_time", from_logged: "2022-08-02 08:10:10" },
    ],
    utc_offsets_total: 2,
    gaps: [{ from: 1_048_576, to: 1_310_720, reason: "not_received" }],
    gaps_total: 1,
  },
  {
    stream: "00000000c0ffee03",
    source: "dism",
    path: "C:\\Windows\\Logs\\DISM\\dism.log",
    encoding: "utf-8",
    bytes: 1_204_808,
    first: "2022-08-01 08:00:10",
    last: "2022-08-29 11:10:00",
    utc_offsets: [],
    utc_offsets_total: 0,
    gaps: [],
    gaps_total: 0,
  },
];

function endpointDetail(id, query) {
  const endpoint = endpoints.find((each) => each.id === id);
  if (!endpoint) return null;
  const own = attempts.filter((attempt) => attempt.endpoint === endpoint);
  const bad = own.filter(failed);
  const { cause } = endpoint;
  const records = log(cause ?? { terminal: "0x80070002", object: "" });
  const at = records.findIndex((record) => record.text.startsWith("00009626"));
  const findings =
    bad.length === 0
      ? []
      : [
          {
            id: "f0",
            place: "0",
            rule: cause.rule,
            category: cause.category,
            severity: "error",
            title: cause.title,
            advice: cause.advice,
            root_code: cause.root,
            root_name: CODES[cause.root][1][0],
            terminal_code: cause.terminal,
            object: cause.object,
            kb: bad.at(-1).kb,
            package: bad.at(-1).package,
            component: "",
            logged: bad[0].start,
            utc: bad[0].start_utc,
            confidence: 92,
            reasons: [
              {
                key: "origin",
                text: {
                  en: "The record is the origin of its chain (trace #34109804#)",
                  zh: "该记录是错误链的起点（跟踪号 #34109804#）",
                },
              },
              {
                key: "object",
                text: {
                  en: "It names the object, and the path length matches the log's own count",
                  zh: "它指明了对象，且路径长度与日志自带的计数一致",
                },
              },
            ],
            count: bad.length,
            evidence: records
              .slice(at, at + 3)
              .map((r) => ({ source: "cbs", stream: STREAM, offset: r.offset, length: r.length, text: r.text })),
          },
          {
            id: "f1",
            place: "1",
            rule: "sfc_known_false_positive",
            category: "known_false_positive",
            severity: "info",
            title: { en: "SFC flags a file that is fine", zh: "SFC 误报了正常文件" },
            advice: { en: "Nothing to do", zh: "无需处理" },
            root_code: null,
            root_name: null,
            terminal_code: null,
            object: "opencl.dll",
            kb: "",
            package: "",
            component: "",
            logged: bad[0].start,
            utc: null,
            confidence: 60,
            reasons: [],
            count: 4,
            evidence: [],
          },
        ];
  const codes = [
    ...(cause ? [{ code: cause.root, events: 9, noise: 1 }] : []),
    { code: "0x800f0805", events: 14, noise: 14 },
  ];
  const lists = {
    streams: paged(STREAMS, query.get("streams"), 50),
    attempts: paged(own.toReversed(), query.get("attempts"), 100),
    findings: paged(findings, query.get("findings"), 25),
    codes: paged(codes, query.get("codes"), 100),
  };
  return {
    endpoint: {
      id,
      name: null,
      host: endpoint.host,
      labels: [{ label: "ring", value: "pilot" }],
      hosts: [{ host: endpoint.host, machine_guid: null, first: "2022-08-01 08:00:00", last: "2022-08-30 08:00:00" }],
      contact: "2022-08-30T00:00:00.000Z",
      build: endpoint.build,
      servicing_stack: `10.0.${endpoint.build.split(".")[0]}.1852`,
      utc_offset: STREAMS[0].utc_offsets[0],
      first: own[0]?.start ?? null,
      last: own.at(-1)?.end ?? null,
    },
    totals: {
      streams: STREAMS.length,
      attempts: own.length,
      failed: bad.length,
      findings: findings.length,
      noted: findings.filter(({ severity }) => severity === "info").length,
      codes: codes.length,
    },
    streams: lists.streams.rows,
    attempts: lists.attempts.rows.map((a) => ({
      id: a.id,
      package: a.package,
      kb: a.kb,
      client: endpoint.client ?? "WindowsUpdateAgent",
      session: a.session,
      start: a.start,
      end: a.end,
      start_utc: a.start_utc,
      outcome: a.outcome,
      terminal_code: a.cause?.terminal ?? null,
      terminal_name: a.cause ? CODES[a.cause.terminal][1][0] : null,
      finding: failed(a) ? "0" : null,
    })),
    findings: lists.findings.rows,
    codes_days: { from: DAYS[0], to: DAYS.at(-1) },
    codes: lists.codes.rows.map((c) => ({ ...c, names: CODES[c.code][1], meaning: meaning(c.code) })),
    pages: Object.fromEntries(Object.entries(lists).map(([name, { page }]) => [name, page])),
  };
}

function records(id, query) {
  const endpoint = endpoints.find((each) => each.id === id);
  if (!endpoint) return null;
  const all = log(endpoint.cause ?? { terminal: "0x80070002", object: "" });
  const offset = Number(query.get("offset"));
  const at = Math.max(
    0,
    all.findLastIndex((record) => record.offset <= offset),
  );
  const from = Math.max(0, at - Number(query.get("before") ?? 20));
  const to = Math.min(all.length, at + 1 + Number(query.get("after") ?? 20));
  return {
    path: "C:\\Windows\\Logs\\CBS\\CBS.log",
    source: "cbs",
    encoding: "utf-8",
    expired: false,
    records: all.slice(from, to).map((r, i) => ({ ...r, target: from + i === at })),
    more_before: from > 0,
    more_after: to < all.length,
  };
}

function codeDetail(code) {
  const known = CODES[code];
  const seen = attempts.filter((a) => a.cause?.root === code || a.cause?.terminal === code);
  return {
    code,
    space: known?.[0] ?? "hresult",
    names: known?.[1] ?? [],
    facility: known ? "FACILITY_WIN32" : null,
    meaning: meaning(code),
    equivalents: equivalents(code),
    seen: seen.length
      ? { events: seen.length * 3, endpoints: machines(seen), first: seen[0].start, last: seen.at(-1).start }
      : null,
  };
}

function answer(path, query) {
  const parts = path.split("/").slice(3).map(decodeURIComponent);
  if (parts[0] === "labels")
    return { labels: [{ label: "ring", values: [{ value: "pilot", endpoints: endpoints.length }] }] };
  if (parts[0] === "overview") return overview(query);
  if (parts[0] === "codes") return /^0x[0-9a-f]{8}$/.test(parts[1]) ? codeDetail(parts[1]) : null;
  if (parts[0] === "endpoints" && parts.length === 1) return endpointList(query);
  if (parts[0] === "endpoints" && parts.length === 2) return endpointDetail(parts[1], query);
  if (parts[0] === "endpoints" && parts[2] === "records") return records(parts[1], query);
  return null;
}

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  // As crates/web sends it, so that what the policy forbids fails here too.
  response.setHeader(
    "content-security-policy",
    "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  );
  response.setHeader("x-content-type-options", "nosniff");
  if (url.pathname.startsWith("/api/")) {
    if (MODE === "slow") await new Promise((done) => setTimeout(done, 60_000));
    const body =
      MODE === "error"
        ? { error: "the store does not answer: connection refused", hint: "look at the output of `cbsift up`" }
        : answer(url.pathname, url.searchParams);
    response.writeHead(MODE === "error" ? 503 : body ? 200 : 404, { "content-type": "application/json" });
    return response.end(
      JSON.stringify(
        body ?? { error: `nothing is known of \`${url.pathname}\``, hint: "search for it under Endpoints" },
      ),
    );
  }
  const file = join(DIST, normalize(url.pathname));
  const found = extname(file) ? file : join(DIST, "index.html");
  try {
    const body = await readFile(found);
    response.writeHead(200, { "content-type": TYPES[extname(found)] ?? "application/octet-stream" });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(PORT, "127.0.0.1", () => console.log(`mock on http://127.0.0.1:${PORT}/ ${MODE}`));
