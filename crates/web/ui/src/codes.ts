// Codes inside a record's text: which spellings stand for which of the record's codes. Pure.

export interface KnownCode {
  code: string;
  name: string | null;
}

export interface Segment {
  text: string;
  /** The canonical code this piece spells, or null for plain text. */
  code: string | null;
}

/** `D0000102`, `0xd0000102` and `0xC0000102` are one code: FACILITY_NT_BIT is cleared, digits are lower-case. */
export function canonical(spelling: string): string {
  const value = Number.parseInt(spelling.replace(/^0x/i, ""), 16);
  const cleared = value >>> 28 === 0xd ? (value & ~0x1000_0000) >>> 0 : value >>> 0;
  return `0x${cleared.toString(16).padStart(8, "0")}`;
}

const SPELLING = /\b(?:0x)?[0-9a-f]{8}\b|\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|-\d{9,10}\b/gi;

/** Cuts a text at the spellings of the codes its record is known to carry; all other numbers stay plain. */
export function segments(text: string, known: KnownCode[]): Segment[] {
  if (known.length === 0) return [{ text, code: null }];
  const codes = new Set(known.map((each) => each.code));
  const names = new Map(known.flatMap((each) => (each.name ? [[each.name, each.code] as const] : [])));
  const found: Segment[] = [];
  let from = 0;
  for (const match of text.matchAll(SPELLING)) {
    const word = match[0];
    const code =
      names.get(word) ??
      (/^(0x)?[0-9a-f]{8}$/i.test(word) ? canonical(word) : null) ??
      (word.startsWith("-") ? canonical((Number(word) >>> 0).toString(16)) : null);
    if (code === null || !codes.has(code)) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index), code: null });
    found.push({ text: word, code });
    from = match.index + word.length;
  }
  if (from < text.length || found.length === 0) found.push({ text: text.slice(from), code: null });
  return found;
}
