import { expect, test } from "vitest";
import { MESSAGES } from "../i18n";
import { changesOf } from "./system-jobs";

test("what a job changes is told in words, and what nobody noted is no nothing", () => {
  const { en, zh } = MESSAGES;
  const changes = { events: { appears: 3, vanishes: 0 }, findings: { changes: 1 }, units: 2 };
  expect(changesOf(changes, en, String)).toBe("3 more records · 1 findings changed · 2 months of PCs");
  expect(changesOf(changes, zh, String)).toBe("增加 3 条记录 · 1 条问题改变 · 2 个电脑月份");
  expect(changesOf({ events: {}, findings: {}, units: 0 }, en, String)).toBe("nothing");
  expect(changesOf(null, en, String)).toBe("not noted");
});
