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
