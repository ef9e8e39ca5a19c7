import { expect, test } from "vitest";
import type { Status } from "./api";
import { healthOf } from "./status";

const NOW = Date.parse("2026-11-29T20:15:00.000Z");
const FINE: Status = {
  pending_units: 6,
  oldest_pending_s: 10,
  disk: { used_bytes: 1, max_bytes: 2, full: false, file_system_full: false },
  last_log: "2026-11-29T20:14:48.000Z",
  derived: 1,
  trouble: 0,
};
const trouble = (change: Partial<Status>) => healthOf({ ...FINE, ...change }, true, NOW).trouble;

test("work that is under way is no trouble, work that waits is", () => {
  expect(healthOf(FINE, true, NOW)).toEqual({ tone: "", trouble: null, ageMs: 12_000 });
  expect(healthOf({ ...FINE, last_log: "2026-11-29 20:14:48" }, true, NOW).ageMs).toBe(12_000);
  expect(trouble({ oldest_pending_s: 11 })).toBe("behind");
  expect(trouble({ last_log: "2026-11-27T20:15:00.000Z" })).toBe("quiet");
  expect(trouble({ disk: { ...FINE.disk, full: true }, oldest_pending_s: 99 })).toBe("disk");
  expect(healthOf(FINE, false, NOW).trouble).toBe("unreachable");
});

test("a store without logs is quiet without blame, and a clock that is off shows no age below nothing", () => {
  expect(healthOf({ ...FINE, last_log: null }, true, NOW)).toEqual({ tone: "", trouble: null, ageMs: null });
  expect(healthOf({ ...FINE, last_log: "2026-11-29T20:16:00.000Z" }, true, NOW).ageMs).toBe(0);
});
