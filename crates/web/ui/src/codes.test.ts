import { expect, test } from "vitest";
import { canonical, segments } from "./codes";

// Made-up lines in the shape of a servicing log.
const known = [
  { code: "0xc0000102", name: "STATUS_FILE_CORRUPT_ERROR" },
  { code: "0x80070570", name: null },
];
const marked = (text: string) =>
  segments(text, known)
    .filter((piece) => piece.code !== null)
    .map((piece) => [piece.text, piece.code]);

test("every spelling of a known code is marked, and nothing else", () => {
  expect(marked("x STATUS_FILE_CORRUPT_ERROR y [gle=0xd0000102] z C0000102 0x80070570 80070005 00009626")).toEqual([
    ["STATUS_FILE_CORRUPT_ERROR", "0xc0000102"],
    ["0xd0000102", "0xc0000102"],
    ["C0000102", "0xc0000102"],
    ["0x80070570", "0x80070570"],
  ]);
  expect(marked("NTSTATUS -1073741566")).toEqual([["-1073741566", "0xc0000102"]]);
});

test("the pieces are the text, whatever it holds", () => {
  for (const text of ["", "plain", "0xc0000102", "<b>0xc0000102</b> 0xC0000102\n", "a STATUS_FILE_CORRUPT_ERROR"]) {
    expect(
      segments(text, known)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(text);
  }
});

test("FACILITY_NT_BIT is cleared", () => {
  expect(canonical("0xD0000102")).toBe("0xc0000102");
  expect(canonical("80070005")).toBe("0x80070005");
});
