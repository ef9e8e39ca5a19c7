import { expect, test } from "vitest";
import { segments } from "./codes";

const joined = (text: string, codes: Parameters<typeof segments>[1]) =>
  segments(text, codes)
    .map((piece) => piece.text)
    .join("");

test("codes are marked at their places", () => {
  const text = "磁盘 STATUS_X y 0xc0000102";
  expect(
    segments(text, [
      { code: "0xc0000102", at: 3, end: 11 },
      { code: "0xc0000102", at: 14, end: 24 },
    ]),
  ).toEqual([
    { text: "磁盘 ", code: null },
    { text: "STATUS_X", code: "0xc0000102" },
    { text: " y ", code: null },
    { text: "0xc0000102", code: "0xc0000102" },
  ]);
});

test("wrong places lose no text", () => {
  const places = [
    { code: "a", at: 5, end: 2 },
    { code: "b", at: 1, end: 3 },
    { code: "c", at: 2, end: 4 },
    { code: "d", at: 4, end: 99 },
  ];
  for (const text of ["", "plain", "<b>0xc0000102</b>"]) expect(joined(text, places)).toBe(text);
});
