import { expect, test } from "vitest";
import { type Subject, alertRule } from "./alert-rule";
import { MESSAGES } from "./i18n";
import type { Filters } from "./url";

/** Rules made of pages; a test of the crate `alert` loads them and runs their tests. `npx vitest run -u` writes them anew. */
const GOLDEN = "../../../alert/test_data/from_pages.yaml";

const update: Subject = { kb: "KB5031356", failing: 24 };
const cause: Subject = { cause: "disk_full~0x80070070", failing: 0 };

const CASES: [Subject, Filters][] = [
  [update, {}],
  [cause, {}],
  [{ cause: "unclassified~", failing: 7 }, { kb: "KB5031356" }],
  [update, { labels: ["ring:pilot", 'site:上海, "3" {a} #b: c\u202e\u{E0041}'] }],
  [update, { cause: "disk_full~0x80070070", from: "2024-05-01", to: "2024-05-30" }],
  [update, { code: "0x80070070", endpoint: "PC-1", labels: ["ring:pilot", "ring:broad"] }],
  [
    { kb: "KB5031358", failing: 24 },
    { cause: "no cause", category: "no category" },
  ],
  [{ kb: "5/{kb}\n- name: x\t", failing: 1 }, {}],
  [{ cause: "a/b: [c]~0xC0000102", failing: 1 }, {}],
  ...Object.keys(MESSAGES.en.categories).map((category): [Subject, Filters] => [
    { kb: `KB${category.length}${category}`, failing: 2 },
    { category },
  ]),
];

test("rules made of pages are those that the crate of alerts loads", async () => {
  const yaml = CASES.map(([subject, filters]) => alertRule(subject, filters).yaml).join("");
  await expect(yaml).toMatchFileSnapshot(GOLDEN);
});

test("what no rule can say is named", () => {
  const leftOut = CASES.map(([subject, filters]) => alertRule(subject, filters).leftOut.join(" "));
  expect(leftOut.slice(0, 7)).toEqual(["", "", "", "", "days", "code endpoint label", "cause category"]);
});

test("a rule counts what its page counts, from one more PC on", () => {
  const { yaml } = alertRule(update, { labels: ["ring:pilot"], category: "disk_full" });
  expect(yaml).toContain('where: { kb: "KB5031356", categories: ["disk_full"], labels: { "ring": "pilot" } }');
  expect(yaml).toContain("threshold: { at_least: 25 }");
  expect(alertRule(cause, {}).yaml).toContain("threshold: { at_least: 3 }");
  expect(alertRule(cause, {}).yaml).toContain("group_by: [cause]");
});
