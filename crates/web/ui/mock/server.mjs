// Serves the API's contract from made-up data, and dist/ beside it, for working on the pages without cbsift. PORT=4173.
// MOCK=empty shows a store without data, error one that fails, full a full disk, behind an analysis that lags, late answers after 3 s,
// slow answers after a minute.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { MODE, answer } from "./answer.mjs";
import { records } from "./machine.mjs";

const PORT = Number(process.env.PORT ?? 4173);
const DIST = new URL("../dist/", import.meta.url).pathname;

/** Lists as files: here by the names of their JSON, and without the bounds. */
const LISTS = {
  endpoints: "endpoints",
  causes: "causes",
  updates: "updates",
  unexplained: "clusters",
  coverage: "gaps",
  lost: "lost",
  clones: "clones",
  alerts: "history",
  attempts: "attempts",
  findings: "findings",
  codes: "codes",
  logs: "streams",
};

function fileOf(path, query) {
  const [, of, name, ending] = /^(.*)\/([a-z]+)\.(csv|ndjson)$/.exec(path) ?? [];
  if (!ending) return null;
  const isOfPc = of.includes("/endpoints/");
  if (!isOfPc) query.set("limit", "500");
  const whole = isOfPc
    ? of
    : name === "clones" || name === "lost"
      ? `${of}/coverage`
      : name === "codes"
        ? `${of}/overview`
        : `${of}/${name}`;
  const found = answer(whole, query);
  const rows = (!isOfPc && name === "codes" ? found?.top_codes : found?.[LISTS[name]]) ?? [];
  const plain = (value) => (typeof value === "object" && value !== null ? JSON.stringify(value) : String(value ?? ""));
  const cell = (text) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
  const head = Object.keys(rows[0] ?? {});
  const csv = [head, ...rows.map((row) => head.map((key) => plain(row[key])))];
  return {
    headers: {
      "content-type": ending === "csv" ? "text/csv; charset=utf-8" : "application/x-ndjson",
      "content-disposition": `attachment; filename="${name}.${ending}"`,
    },
    body:
      ending === "csv"
        ? "\ufeff" + csv.map((row) => row.map(cell).join(",") + "\r\n").join("")
        : rows.map((row) => JSON.stringify(row) + "\n").join(""),
  };
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
    // Nothing is ever derived here.
    const wait = url.pathname === "/api/v1/changes" ? 5_000 : { slow: 60_000, late: 3_000 }[MODE];
    if (wait) await new Promise((done) => setTimeout(done, wait));
    const [, logOf] = /^\/api\/v1\/endpoints\/([^/]+)\/log$/.exec(url.pathname) ?? [];
    if (logOf) {
      const all = records(decodeURIComponent(logOf), new URLSearchParams({ offset: "0", after: "100000" }));
      const text = (all?.records ?? []).map((record) => record.text + "\r\n").join("");
      response.writeHead(200, {
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": 'attachment; filename="CBS.log"',
      });
      return response.end(text);
    }
    const file = fileOf(url.pathname, url.searchParams);
    if (file) {
      response.writeHead(200, file.headers);
      return response.end(file.body);
    }
    const body =
      MODE === "error"
        ? { error: "the store does not answer: connection refused", hint: "look at the output of `cbsift up`" }
        : answer(url.pathname, url.searchParams);
    response.writeHead(MODE === "error" ? 503 : body ? 200 : 404, { "content-type": "application/json" });
    return response.end(
      JSON.stringify(body ?? { error: `nothing is known of \`${url.pathname}\``, hint: "search for it under PCs" }),
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
