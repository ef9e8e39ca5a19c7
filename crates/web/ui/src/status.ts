// What the header says of cbsift itself. Pure.

import type { Status } from "./api";

/** Analysis that is behind by less is a log that is just being read. */
const BEHIND_S = 10;
/** A fleet that has sent nothing for a day is told so: silence must not pass for health. */
const QUIET_MS = 24 * 3_600_000;

export interface Health {
  tone: "" | "warn" | "bad";
  trouble: "unreachable" | "disk" | "behind" | "quiet" | null;
  /** Since the newest log arrived; null where none has, or where nobody said. */
  ageMs: number | null;
}

/** `reachable`: the last request was answered, whatever the answer. */
export function healthOf(status: Status | null, reachable: boolean, now: number): Health {
  const arrived = utcMs(status?.last_log);
  // A clock that is ahead of the server's would make an age of less than nothing.
  const ageMs = Number.isNaN(arrived) ? null : Math.max(0, now - arrived);
  if (!reachable) return { tone: "bad", trouble: "unreachable", ageMs };
  if (status?.disk.full) return { tone: "bad", trouble: "disk", ageMs };
  if ((status?.oldest_pending_s ?? 0) > BEHIND_S) return { tone: "warn", trouble: "behind", ageMs };
  if (ageMs !== null && ageMs > QUIET_MS) return { tone: "warn", trouble: "quiet", ageMs };
  return { tone: "", trouble: null, ageMs };
}

/** A time in UTC, with or without its `T` and `Z`. */
function utcMs(text: string | null | undefined): number {
  return text ? Date.parse(`${text.replace(" ", "T").replace(/Z$/, "")}Z`) : Number.NaN;
}
