// What each address answers, from made-up data; `answer.test.mjs` holds it against what the API says of itself.

import { endpointList, labelList, overview } from "./fleet.mjs";
import { attemptDetail } from "./case.mjs";
import { endpointDetail, find, records } from "./machine.mjs";
import { alerts, audit, coverage, search, system, unexplained } from "./rest.mjs";
import { causeDetail, causeList, updateDetail, updateList } from "./sections.mjs";
import { codeDetail } from "./shared.mjs";

/** Which of the states that are hard to reach is shown. */
export const MODE = process.env.MOCK ?? "";

const DISK = {
  used_bytes: MODE === "full" ? 10.7e9 : MODE === "empty" ? 0 : 2.1e9,
  max_bytes: 10.7e9,
  full: MODE === "full",
  file_system_full: false,
};

/** The header compares with the reader's own clock, so this alone is of now. */
const status = () => ({
  pending_units: MODE === "behind" ? 12 : 0,
  ...(MODE === "behind" ? { oldest_pending_s: 47 } : {}),
  disk: DISK,
  last_log: MODE === "empty" ? null : new Date(Date.now() - 12_000).toISOString(),
  trouble: Number(MODE === "full") + Number(MODE === "behind"),
  derived: 1,
});

/** `path` begins with `/api/v1/`; null where nothing is known under it. */
export function answer(path, query) {
  const parts = path.split("/").slice(3).map(decodeURIComponent);
  if (parts[0] === "status") return status();
  if (parts[0] === "changes") return { derived: status().derived };
  if (parts[0] === "labels") return MODE === "empty" ? { labels: [] } : labelList();
  if (parts[0] === "overview") return overview(query, { empty: MODE === "empty", disk: DISK });
  if (parts[0] === "codes") return /^0x[0-9a-f]{8}$/.test(parts[1]) ? codeDetail(parts[1]) : null;
  if (parts[0] === "endpoints" && parts.length === 1) return endpointList(query);
  if (parts[0] === "endpoints" && parts.length === 2) return endpointDetail(parts[1], query);
  if (parts[0] === "endpoints" && parts[2] === "records") return records(parts[1], query);
  if (parts[0] === "endpoints" && parts[2] === "find") return find(parts[1], query);
  if (parts[0] === "endpoints" && parts[2] === "attempts") return attemptDetail(parts[1], parts[3]);
  if (parts[0] === "updates") return parts[1] ? updateDetail(parts[1], query) : updateList(query);
  if (parts[0] === "causes") return parts[1] ? causeDetail(parts[1], query) : causeList(query);
  if (parts[0] === "search") return search(query);
  if (parts[0] === "unexplained") return unexplained(query);
  if (parts[0] === "coverage") return coverage(query);
  if (parts[0] === "alerts") return alerts();
  if (parts[0] === "system") return system(status());
  if (parts[0] === "audit") return audit(query);
  return null;
}
