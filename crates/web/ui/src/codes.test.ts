import { expect, test } from "vitest";
import { apart, segments } from "./codes";

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

test("many NTSTATUS that share a report are no spellings of one another", () => {
  const hresult = (code: string) => ({ code, space: "hresult" });
  const nt = (code: string) => ({ code, space: "ntstatus" });
  const win32 = { code: "1392", space: "win32" };
  const wrapped = [nt("0xc0070570"), hresult("0xd0070570")];
  const many = [nt("0xc0000052"), hresult("0xd0000052"), nt("0xc0000102"), hresult("0xd0000102")];
  expect(apart(hresult("0x80070570"), [win32, ...wrapped, ...many])).toEqual({
    exact: [win32, ...wrapped],
    also: many,
    failures: 2,
  });
  // Where one NTSTATUS alone becomes the code, the two are the same failure.
  const one = [win32, ...wrapped, ...many.slice(2)];
  expect(apart(hresult("0x80070570"), one)).toEqual({ exact: one, also: [], failures: 0 });
  const ofStatus = [hresult("0x80070570"), win32, hresult("0xd0000102")];
  expect(apart(nt("0xc0000102"), ofStatus)).toEqual({ exact: ofStatus, also: [], failures: 0 });
  const esent = [{ code: "-1018", space: "esent" }, hresult("0xc80003fa"), hresult("0x8e5e03fa")];
  expect(apart(win32, esent)).toEqual({ exact: esent, also: [], failures: 0 });
});
