// Looking for a place in a whole log: the server reads a part at a time and says how far it came.

import type { FoundRecord } from "./api";
import { get } from "./load";

/** What a record must have. */
export interface Wanted {
  text: string;
  level: string;
}

export const NOTHING: Wanted = { text: "", level: "" };

export type Way = "next" | "previous";

const path = (id: string, stream: string, query: Record<string, string>) =>
  `/api/v1/endpoints/${encodeURIComponent(id)}/find?${new URLSearchParams({ stream, ...query }).toString()}` as const;

/** Asks until a record is met or the log is at its end; `reached` hears of each answer. Null where there is none. */
export async function findInLog(
  ask: (query: Record<string, string>) => Promise<FoundRecord>,
  wanted: Wanted,
  way: Way,
  from: number,
  reached: (found: FoundRecord) => void,
): Promise<number | null> {
  let at = from;
  for (;;) {
    const found = await ask({ from: String(at), way, text: wanted.text.trim(), level: wanted.level });
    reached(found);
    if (found.offset !== null) return found.offset;
    // Nothing can come of asking for the same again.
    if (!found.more || found.reached === at) return null;
    at = found.reached;
  }
}

/** Asks about one log. */
export const asker =
  (id: string, stream: string, signal: AbortSignal) =>
  (query: Record<string, string>): Promise<FoundRecord> =>
    get<FoundRecord>(path(id, stream, query), signal);

/** A time as somebody types or copies it out of a log, as the API takes it; null where it is none. */
export function timeOf(text: string): string | null {
  const parts = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T\s,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?$/.exec(
    text.trim(),
  );
  if (!parts) return null;
  const [year, month, day, hour = "0", minute = "00", second = "00"] = parts.slice(1);
  const two = (part: string | undefined) => (part ?? "").padStart(2, "0");
  return `${year}-${two(month)}-${two(day)}T${two(hour)}:${minute}:${second}`;
}
