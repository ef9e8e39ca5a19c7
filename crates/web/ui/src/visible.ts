// Strangers' text made safe to read and to copy: what has no shape of its own, or turns the text beside it round, becomes a mark.
// Pure.

/** A character that is shown as a mark, and how often it stands there in a row. */
export interface Mark {
  /** `ESC`, `U+202E` */
  name: string;
  times: number;
  kind: "control" | "direction" | "invisible";
}

export type Piece = string | Mark;

/** Names of C0 and DEL as engineers know them; all others go by their number. */
const C0 =
  "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US".split(
    " ",
  );

const DIRECTION = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\u206A-\u206F]/;

/**
 * Every character without a shape, by what Unicode says of it rather than by a list that ages: controls but tab and newline, line
 * and paragraph separators, whatever renderers are told to ignore (direction controls, zero widths, fillers, tags, variation
 * selectors), and the interlinear annotations.
 */
const SHAPELESS = /[\p{Cc}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\uFFF9-\uFFFB]/u;
const RUNS = new RegExp(`(${SHAPELESS.source})\\1*`, "gu");

/** Joiners and variation selectors, which real scripts and emoji cannot do without. */
const JOINING = /^[\u200C\u200D\u180B-\u180D\u180F\uFE00-\uFE0F\u{E0100}-\u{E01EF}]$/u;

/**
 * After these a joiner shapes what is read. After a Latin letter, a digit or a sign it only hides a difference: a path or a KB has
 * no use for it.
 */
const SHAPED = /[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}]$/u;
const UNSHAPED = /[\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Common}]$/u;
const PICTURE = /[\p{Extended_Pictographic}\p{Emoji_Modifier}\uFE0F]$/u;

/** Cuts a text into what is shown as it is and marks. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = "";
  let at = 0;
  for (const match of text.matchAll(RUNS)) {
    const [run, character] = match as unknown as [string, string];
    plain += text.slice(at, match.index);
    at = match.index + run.length;
    const times = run.length / character.length;
    // What stands before it in what is shown as it is; two units hold any character.
    const before = plain && text.slice(Math.max(0, match.index - 2), match.index);
    if (character === "\t" || character === "\n" || (times === 1 && joins(before, character))) {
      plain += run;
      continue;
    }
    if (plain) found.push(plain);
    plain = "";
    found.push({ name: nameOf(character), times, kind: kindOf(character) });
  }
  plain += text.slice(at);
  if (plain) found.push(plain);
  return found;
}

/** The same in one text, for titles, labels and the clipboard: `abc[U+202E]txt`. */
export function visible(text: string): string {
  return pieces(text)
    .map((piece) => (typeof piece === "string" ? piece : written(piece)))
    .join("");
}

/** A mark as it is read and copied. */
export function written({ name, times }: Mark): string {
  return times > 1 ? `[${name} ×${times}]` : `[${name}]`;
}

/** A search without characters that nobody types: names copied from a chat or a document bring them along. */
export function searchable(text: string): string {
  return pieces(text)
    .filter((piece) => typeof piece === "string")
    .join("");
}

function joins(before: string, character: string): boolean {
  if (!JOINING.test(character)) return false;
  return PICTURE.test(before) || (SHAPED.test(before) && !UNSHAPED.test(before));
}

function nameOf(character: string): string {
  const code = character.codePointAt(0)!;
  if (code === 0x7f) return "DEL";
  return C0[code] ?? `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

function kindOf(character: string): Mark["kind"] {
  if (/\p{Cc}/u.test(character)) return "control";
  return DIRECTION.test(character) ? "direction" : "invisible";
}
