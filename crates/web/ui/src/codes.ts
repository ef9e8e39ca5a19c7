// A record's text with its codes marked. Pure.

/** A code and where a text spells it, in UTF-16 units; the server finds them, as it does for classification. */
export interface CodeAt {
  code: string;
  at: number;
  end: number;
}

export interface Segment {
  text: string;
  /** The code this piece spells, or null for plain text. */
  code: string | null;
}

/** Cuts a text at its codes. The pieces, put together, are the text, whatever the places say. */
export function segments(text: string, codes: CodeAt[]): Segment[] {
  const found: Segment[] = [];
  let from = 0;
  for (const { code, at, end } of codes) {
    if (at < from || end <= at || end > text.length) continue;
    if (at > from) found.push({ text: text.slice(from, at), code: null });
    found.push({ text: text.slice(at, end), code });
    from = end;
  }
  if (from < text.length || found.length === 0) found.push({ text: text.slice(from), code: null });
  return found;
}

interface Spelling {
  code: string;
  space: string;
}

/**
 * Spellings of exactly this failure, and those NTSTATUS codes that Windows reports as it too, though each is a failure of its own.
 * Where only one becomes this code, the two are the same.
 */
export function apart<T extends Spelling>(
  of: Spelling,
  equivalents: readonly T[],
): { exact: T[]; also: T[]; failures: number } {
  const mapped = equivalents.filter((each) => status(each) !== null);
  const numbers = new Set(mapped.map(status));
  if (status(of) !== null || numbers.size <= 1) return { exact: [...equivalents], also: [], failures: 0 };
  return { exact: equivalents.filter((each) => status(each) === null), also: mapped, failures: numbers.size };
}

/** The NTSTATUS that a code is or wraps as `0xd…`; none for `0xc007…`, which holds the Win32 number itself. */
function status({ code, space }: Spelling): string | null {
  const number = /^0x[cd]([0-9a-f]{7})$/.exec(code)?.[1];
  if (number === undefined || number.startsWith("007")) return null;
  return space === "ntstatus" || code.startsWith("0xd") ? number : null;
}
