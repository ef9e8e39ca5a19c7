// One made-up attempt as a case, and what a machine's page says beside its lists.

import { attempts, endpoints, log } from "./data.mjs";
import { GRAVITY, causeId, failingBy, stateOfUpdate } from "./fleet.mjs";
import { STREAM, attemptRow, findingsOf } from "./machine.mjs";
import { failed, groupBy, machines } from "./shared.mjs";

/** State of each update of a machine, the gravest first. */
export function updatesOf(own) {
  return groupBy(own, (a) => a.kb)
    .map(([kb, list]) => {
      const state = stateOfUpdate(list);
      const last = list.findLast(failed);
      return {
        kb,
        state,
        since: (state === "failing" ? list.find(failed) : list.at(-1)).start,
        cause: state === "failing" ? causeId(last.cause) : null,
        attempts: list.length,
      };
    })
    .sort((a, b) => GRAVITY.indexOf(a.state) - GRAVITY.indexOf(b.state) || b.since.localeCompare(a.since));
}

/** As the server words it. */
const WORDS = {
  failing: ["failed: nothing that came later ended it", "失败：之后没有成功"],
  restart: [
    "restart pending: nothing failed; what was installed waits for a restart",
    "等待重启：没有失败；已安装的内容等待重启",
  ],
  installed: ["healthy: no failed installation and no damage found", "正常：没有失败的安装，也没有发现损坏"],
};

export function verdictOf(own) {
  const [worst] = updatesOf(own);
  if (!worst) return null;
  const state = worst.state in WORDS ? worst.state : "installed";
  const [en, zh] = WORDS[state];
  const verdict = { failing: "failed", restart: "restart", installed: "healthy" }[state];
  return { state, verdict, text: { en, zh }, cause: worst.cause };
}

export function attemptDetail(id, attempt) {
  const endpoint = endpoints.find((each) => each.id === id);
  const own = attempts.filter((each) => each.endpoint === endpoint);
  const found = own.find((each) => each.id === attempt);
  if (!endpoint || !found) return null;
  const rows = log(found.cause ?? { terminal: "0x80070002", object: "" });
  const at = rows.findIndex((each) => each.text.startsWith("00009626"));
  const rung = (name, record) => ({
    rung: name,
    stream: STREAM,
    offset: record.offset,
    length: record.length,
    source: "cbs",
    path: "C:\\Windows\\Logs\\CBS\\CBS.log",
    logged: record.logged,
    utc: record.utc,
    text: record.text,
    codes: record.codes,
  });
  const same = found.cause ? attempts.filter((each) => failed(each) && each.cause.rule === found.cause.rule) : [];
  const others = own.filter((each) => each.kb === found.kb && each !== found);
  return {
    endpoint: { id, name: endpoint.name || null, host: endpoint.host, build: endpoint.build },
    attempt: attemptRow(found),
    finding: failed(found) ? { ...findingsOf(endpoint, own)[0], kb: found.kb, logged: found.start } : null,
    ladder: failed(found)
      ? [
          rung("origin", rows[at]),
          rung("passed", rows[at + 1]),
          rung("result", rows[at + 2]),
          rung("end", rows[at + 3]),
        ]
      : [],
    noise: [],
    same: {
      pcs: machines(same),
      attempts: same.length,
      cause: found.cause ? causeId(found.cause) : null,
    },
    before: others
      .filter((each) => each.start < found.start)
      .map(attemptRow)
      .toReversed()
      .slice(0, 10),
    after: others
      .filter((each) => each.start > found.start)
      .map(attemptRow)
      .slice(0, 10),
  };
}

/** Whether a machine still fails by a cause. */
export const stillFails = (endpoint, cause) => failingBy(attempts).get(causeId(cause))?.has(endpoint.id) ?? false;
