import { expect, test } from "vitest";
import { pieces, searchable, visible } from "./visible";

const from = (...codes: number[]) => String.fromCodePoint(...codes);
const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, at) => first + at);

/** What may never reach a page as it is, said apart from how the page finds it. */
const HARMFUL = [
  ...range(0x00, 0x08),
  ...range(0x0b, 0x1f),
  ...range(0x7f, 0x9f),
  0xad,
  0x34f,
  0x61c,
  0x115f,
  0x1160,
  0x180e,
  ...range(0x200b, 0x200f),
  ...range(0x2028, 0x202e),
  ...range(0x2060, 0x206f),
  0x3164,
  0xfe0f,
  0xfeff,
  0xffa0,
  ...range(0xfff9, 0xfffb),
  ...range(0xe0000, 0xe007f),
  0xe0100,
];

test("what has no shape or turns text round is marked, wherever it stands", () => {
  for (const code of HARMFUL) {
    const bad = from(code);
    for (const text of [bad, `KB500${bad}1234`, `${bad}x`, `x${bad}`, `磁盘 ${bad}`]) {
      const shown = visible(text);
      expect(shown.includes(bad), code.toString(16)).toBe(false);
      expect(shown).toMatch(/\[(U\+[0-9A-F]{4,5}|[A-Z0-9]{2,3})\]/);
    }
  }
});

test("no text leaves a harmful character, in any company", () => {
  let seed = 7;
  const roll = (sides: number) => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % sides;
  const company = ["a", "9", " ", "\t", "\n", "磁", "ش", "क", "👩", "[", "]"];
  for (let round = 0; round < 2_000; round += 1) {
    const text = Array.from({ length: 1 + roll(12) }, () =>
      roll(2) ? company[roll(company.length)]! : from(HARMFUL[roll(HARMFUL.length)]!),
    ).join("");
    const shown = visible(text);
    // Joiners may stay where a script needs them; they have a test of their own.
    expect(shown).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/);
    expect(shown).not.toMatch(/[\u{E0000}-\u{E007F}]/u);
  }
});

test("ordinary text in any script is left alone", () => {
  for (const text of [
    "",
    "C:\\Program Files\\Made Up\\x.dll\t0x80070570\n  and more",
    "磁盘已满：文件系统损坏",
    "مسار الملف",
    "می\u200cخواهم",
    "क्\u200dष",
    "👩\u200d💻 ❤\ufe0f",
    "naïve café – “quoted” 100\u00a0%",
    "葛\u{e0100}",
  ]) {
    expect(visible(text)).toBe(text);
    expect(pieces(text)).toEqual(text ? [text] : []);
  }
});

test("a joiner stays only where it shapes what is read", () => {
  expect(visible("KB\u200d500")).toBe("KB[U+200D]500");
  expect(visible("\u200cadmin")).toBe("[U+200C]admin");
  expect(visible("م\u200d\u200d")).toBe("م[U+200D ×2]");
});

test("marks say what they are and fold repeats", () => {
  expect(pieces("a\u001b[2J\u202e\u202e\u202ecod.exe")).toEqual([
    "a",
    { name: "ESC", times: 1, kind: "control" },
    "[2J",
    { name: "U+202E", times: 3, kind: "direction" },
    "cod.exe",
  ]);
  expect(visible("\u200b".repeat(9_000))).toBe("[U+200B ×9000]");
  expect(visible("\r\n")).toBe("[CR]\n");
});

test("a search drops what nobody types", () => {
  expect(searchable("\ufeffPC\u200b-01\u200e")).toBe("PC-01");
  expect(searchable("مسار")).toBe("مسار");
});
