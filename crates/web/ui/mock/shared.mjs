// What the answers of the mock have in common.

import { CODES, equivalents } from "./codes.mjs";
import { DAYS, attempts, endpoints } from "./data.mjs";

export const failed = (attempt) => attempt.outcome === "failed" || attempt.outcome === "rolled_back";
export const meaning = (code) => (CODES[code] ? { en: CODES[code][2], zh: CODES[code][3] } : null);
export const groupBy = (list, key) => {
  const groups = new Map();
  for (const each of list) groups.set(key(each), [...(groups.get(key(each)) ?? []), each]);
  return [...groups];
};
export const machines = (list) => new Set(list.map((attempt) => attempt.endpoint.id)).size;

/** The newest day of the made-up fleet is its today. */
export const NOW = `${DAYS.at(-1)}T20:15:00.000Z`;

export function codeDetail(code) {
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
      ? {
          events: seen.length * 3,
          endpoints: machines(seen),
          first: `${seen[0].day} 00:00:00`,
          last: `${seen.at(-1).day} 00:00:00`,
        }
      : null,
  };
}
