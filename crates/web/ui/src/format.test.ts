import { expect, test } from "vitest";
import {
  addDays,
  bytes,
  clock,
  count,
  daysBetween,
  duration,
  exact,
  loggedMs,
  middle,
  patchTuesday,
  percent,
  slots,
  utcBeside,
} from "./format";

test("counts are exact below a million and short above", () => {
  expect(count("en", 12_345)).toBe("12,345");
  expect(count("en", 999_999)).toBe("999,999");
  expect(count("en", 1_234_567)).toBe("1.23M");
  expect(count("zh", 1_234_567)).toBe("123.46万");
});

test("a percentage is never rounded to all or nothing", () => {
  expect(percent("en", 1, 1)).toBe("100 %");
  expect(percent("en", 9_999, 10_000)).toBe("99.9 %");
  expect(percent("en", 1, 100_000)).toBe("0.1 %");
  expect(percent("en", 0, 5)).toBe("0 %");
  expect(percent("en", 0, 0)).toBe("–");
});

test("bytes use binary units", () => {
  expect(bytes("en", 0)).toBe("0 B");
  expect(bytes("en", 1536)).toBe("1.5 KiB");
  expect(bytes("en", 1023)).toBe("1,023 B");
  expect(bytes("en", 300 * 1024 ** 2)).toBe("300 MiB");
  expect(bytes("en", 2 ** 60)).toBe("1,024 PiB");
});

test("UTC stands beside the logged time, with its day only where that differs", () => {
  expect(utcBeside("2022-08-18T07:53:46.609Z", "2022-08-18 15:53:46")).toBe("07:53:46.609");
  expect(utcBeside("2022-08-17T23:53:46.609Z", "2022-08-18 07:53:46")).toBe("2022-08-17 23:53:46.609");
  expect(utcBeside("2022-08-18T07:53:46.609Z", null)).toBe("2022-08-18 07:53:46.609");
});

test("logged times are read as their own clock; what is no time gives nothing", () => {
  expect(loggedMs("1970-01-01 00:00:01")).toBe(1000);
  expect(loggedMs("not a time")).toBeNull();
  expect(loggedMs(null)).toBeNull();
});

test("durations show their two largest units", () => {
  expect(duration("en", 0)).toBe("0 s");
  expect(duration("en", 65_000)).toBe("1 min 5 s");
  expect(duration("en", 3_600_000)).toBe("1 h");
  expect(duration("zh", 90_000_000)).toBe("1 天 1 小时");
  expect(duration("en", 90_000_000, 1)).toBe("1 d");
});

test("a range has a slot for every day, also across months, and for every hour of a day", () => {
  expect(slots({ charted_from: "2022-02-27", to: "2022-03-02", step: "day" })).toEqual([
    "2022-02-27",
    "2022-02-28",
    "2022-03-01",
    "2022-03-02",
  ]);
  const hours = slots({ charted_from: "2022-08-18", to: "2022-08-18", step: "hour" });
  expect([hours.length, hours[0], hours[23]]).toEqual([24, "2022-08-18 00:00", "2022-08-18 23:00"]);
  expect(slots({ charted_from: "2022-08-02", to: "2022-08-01", step: "day" })).toEqual([]);
  expect(slots({ charted_from: "1601-01-01", to: "2100-01-01", step: "day" }).length).toBe(2000);
});

test("days are added and counted over daylight saving and leap years", () => {
  expect(addDays("2024-02-28", 2)).toBe("2024-03-01");
  expect(addDays("2022-03-28", -29)).toBe("2022-02-27");
  expect(daysBetween("2022-08-01", "2022-08-30")).toBe(30);
  expect(daysBetween("2022-08-30", "2022-08-01")).toBe(0);
});

test("long paths lose their middle", () => {
  const short = middle("C:\\Windows\\WinSxS\\Temp\\InFlight\\0123456789abcdef\\file.dll", 24);
  expect(short).toHaveLength(24);
  expect(short.startsWith("C:\\")).toBe(true);
  expect(short.endsWith("file.dll")).toBe(true);
  expect(middle("C:\\a", 24)).toBe("C:\\a");
});

test("Patch Tuesday is the second one of the month, and the last one that has come", () => {
  expect(patchTuesday("2026-11-29")).toBe("2026-11-10");
  expect(patchTuesday("2026-11-10")).toBe("2026-11-10");
  expect(patchTuesday("2026-11-09")).toBe("2026-10-13");
  expect(patchTuesday("2026-09-30")).toBe("2026-09-08");
  expect(patchTuesday("2026-01-05")).toBe("2025-12-09");
});

test("a moment of another day is shown with its day", () => {
  const at = new Date(2026, 10, 28, 17, 21).getTime();
  expect(clock(at, at + 60_000)).toBe("17:21");
  expect(clock(at, at + 86_400_000)).toBe("2026-11-28 17:21");
});

test("a number that names a place is never rounded", () => {
  expect(exact("en", 1_048_577)).toBe("1,048,577");
  expect(exact("zh", 12_345_678)).toBe("12,345,678");
});
