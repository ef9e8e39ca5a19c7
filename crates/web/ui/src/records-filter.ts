// What of the loaded records is shown: those of a level, of a component, and with a text in them.

import type { LogRecord } from "./api";

export interface RecordFilter {
  text: string;
  level: string;
  component: string;
}

export const ALL: RecordFilter = { text: "", level: "", component: "" };

/** Whether it narrows anything. */
export const isNarrow = ({ text, level, component }: RecordFilter): boolean =>
  text.trim() !== "" || level !== "" || component !== "";

/** Capitals are no other letters: nobody knows how a log spells a word. */
export function matching(records: LogRecord[], { text, level, component }: RecordFilter): LogRecord[] {
  const wanted = text.trim().toLowerCase();
  return records.filter(
    (record) =>
      (level === "" || record.level === level) &&
      (component === "" || record.component === component) &&
      (wanted === "" || record.text.toLowerCase().includes(wanted)),
  );
}

/** What there is to choose from among what is loaded, in the order of the alphabet. */
export function choices(records: LogRecord[], of: "level" | "component"): string[] {
  const values = new Set(records.map((record) => record[of]).filter((value) => value !== "" && value !== "unknown"));
  return [...values].sort((a, b) => a.localeCompare(b));
}

/** A byte as somebody types or pastes it: `1,048,576`, `1 048 576` or `1048576`; null where it is none. */
export function byteOf(text: string): number | null {
  const digits = text.trim().replace(/(?<=\d)[,\s\u00a0\u202f'](?=\d)/g, "");
  const value = /^\d+$/.test(digits) ? Number(digits) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}
