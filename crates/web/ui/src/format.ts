// Numbers and times as people read them. Pure.

import type { Lang } from "./i18n";

const LOCALES: Record<Lang, string> = { en: "en-US", zh: "zh-CN" };

/** A count: exact below a million, then three digits and a unit of the language. */
export function count(lang: Lang, value: number): string {
  const short = Math.abs(value) >= 1_000_000;
  return new Intl.NumberFormat(LOCALES[lang], short ? { notation: "compact", maximumFractionDigits: 2 } : {}).format(
    value,
  );
}

/** A number that names a place, which a rounded one would miss. */
export function exact(lang: Lang, value: number): string {
  return new Intl.NumberFormat(LOCALES[lang]).format(value);
}

/** A share of a whole: `86.2 %`. Nothing of nothing is unknown, and 99.96 % is not yet all. */
export function percent(lang: Lang, part: number, whole: number): string {
  if (whole <= 0) return "–";
  const value = (part / whole) * 100;
  const shown = value < 100 && value > 99.9 ? 99.9 : value > 0 && value < 0.1 ? 0.1 : value;
  const digits = shown === 0 || shown === 100 ? 0 : 1;
  return `${new Intl.NumberFormat(LOCALES[lang], { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(shown)} %`;
}

/** Bytes in binary units: `3.2 GiB`. */
export function bytes(lang: Lang, value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  let left = value;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || left >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(LOCALES[lang], { maximumFractionDigits: digits }).format(left)} ${units[unit]}`;
}

/** `2022-08-18 15:53:46` as milliseconds of its own clock, for differences and axes only; nothing where it is no time. */
export function loggedMs(logged: string | null): number | null {
  if (!logged) return null;
  const ms = Date.parse(`${logged.slice(0, 19).replace(" ", "T")}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** A time in UTC to its second, as logged times are written. */
export const stamp = (utc: string): string => utc.slice(0, 19).replace("T", " ");

/** The UTC time beside its time as logged: without the day where both clocks show the same one. */
export function utcBeside(utc: string, logged: string | null): string {
  const text = utc.replace("T", " ").replace(/Z$/, "");
  return logged && text.slice(0, 10) === logged.slice(0, 10) ? text.slice(11) : text;
}

/** A length of time in its two largest units: `2 h 5 min`; in its largest alone where that is enough to know. */
export function duration(lang: Lang, ms: number, units: 1 | 2 = 2): string {
  const words = lang === "zh" ? ["天", "小时", "分", "秒"] : ["d", "h", "min", "s"];
  const seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3_600) % 24,
    Math.floor(seconds / 60) % 60,
    seconds % 60,
  ];
  const first = parts.findIndex((part) => part > 0);
  if (first < 0) return `0 ${words[3]}`;
  const second = units === 2 && parts[first + 1];
  const head = `${parts[first]} ${words[first]}`;
  return second ? `${head} ${second} ${words[first + 1]}` : head;
}

/** A moment on this machine's clock, `17:21`; with its day where that is not today. */
export function clock(at: number, now: number): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = (ms: number) => {
    const date = new Date(ms);
    return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  };
  const date = new Date(at);
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return day(at) === day(now) ? time : `${day(at)} ${time}`;
}

/** The second Tuesday of a month, when Windows gets its updates: the latest one that is not after `day`. */
export function patchTuesday(day: string): string {
  const secondTuesday = (month: string) => {
    const first = `${month}-01`;
    const weekday = new Date(`${first}T00:00:00Z`).getUTCDay();
    return addDays(first, ((2 - weekday + 7) % 7) + 7);
  };
  const ofThis = secondTuesday(day.slice(0, 7));
  return ofThis <= day ? ofThis : secondTuesday(addDays(`${day.slice(0, 7)}-01`, -1).slice(0, 7));
}

/** A day some days later. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}

/** Days from one to the other, both counted; 0 where they are the wrong way round. */
export function daysBetween(from: string, to: string): number {
  return Math.max(0, Math.round((Date.parse(`${to}T00:00:00Z`) - Date.parse(`${from}T00:00:00Z`)) / 86_400_000) + 1);
}

/** A chart never draws more slots than this; a wrong range must not hang the page. */
const SLOTS_MAX = 2_000;

/** Every slot of a range, those without data too: a quiet day is an answer. */
export function slots(range: { charted_from: string; to: string; step: "hour" | "day" }): string[] {
  const all: string[] = [];
  for (let day = 0; day < daysBetween(range.charted_from, range.to) && all.length < SLOTS_MAX; day += 1) {
    const date = addDays(range.charted_from, day);
    if (range.step === "day") all.push(date);
    else for (let hour = 0; hour < 24; hour += 1) all.push(`${date} ${String(hour).padStart(2, "0")}:00`);
  }
  return all;
}

/** Shortens from the middle: of a path both the drive and the file matter. */
export function middle(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (max - 1 - head))}`;
}
