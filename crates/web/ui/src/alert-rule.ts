// What a page shows as a rule of alerts: YAML for the folder of alert rules. Pure.

import { MESSAGES } from "./i18n";
import { type Filters, labelOf } from "./url";

/** What the page is about, and how many PCs fail there now. */
export type Subject = { kb: string; failing: number } | { cause: string; failing: number };

/** What of a page's filter no rule can say. */
export type LeftOut = "days" | "code" | "endpoint" | "category" | "cause" | "label";

export interface AlertRule {
  yaml: string;
  leftOut: LeftOut[];
}

/** Fewer PCs are stragglers, whatever fails now. */
const LEAST = 3;

/** A cause as rules read it: a word, `~`, and its code where it has one. */
const CAUSE = /^[^]*~(0x[0-9a-fA-F]{1,8})?$/;

export function alertRule(subject: Subject, filters: Filters): AlertRule {
  const leftOut = new Set<LeftOut>();
  if (filters.from || filters.to) leftOut.add("days");
  if (filters.code) leftOut.add("code");
  if (filters.endpoint) leftOut.add("endpoint");
  const isOfKb = "kb" in subject;
  const kb = isOfKb ? subject.kb : filters.kb;
  const cause = isOfKb ? filters.cause : subject.cause;
  const where: string[] = [];
  // Two rules of a folder must not have one name.
  const words = isOfKb ? [`${subject.kb} fails`] : [`fails by ${subject.cause}`];
  if (kb) {
    where.push(`kb: ${quoted(kb)}`);
    if (!isOfKb) words.push(kb);
  }
  if (cause && !CAUSE.test(cause)) leftOut.add("cause");
  else if (cause) {
    where.push(`causes: [${quoted(cause)}]`);
    if (isOfKb) words.push(cause);
  }
  const { category } = filters;
  if (category && !isCategory(category)) leftOut.add("category");
  else if (category) {
    where.push(`categories: [${quoted(category)}]`);
    words.push(category);
  }
  const labels = new Map<string, string>();
  for (const [label, value] of (filters.labels ?? []).map(labelOf)) {
    // A PC has one value of a label.
    if (labels.has(label)) leftOut.add("label");
    else labels.set(label, value);
  }
  if (labels.size > 0) {
    const each = [...labels].map(([label, value]) => `${quoted(label)}: ${quoted(value)}`);
    where.push(`labels: { ${each.join(", ")} }`);
    words.push(...labels.values());
  }
  const least = Math.max(LEAST, subject.failing + 1);
  // Between slashes a test names several groups.
  const group = (isOfKb ? subject.kb : subject.cause).replaceAll("/", "_");
  const of = isOfKb ? ` of: ${least * 10},` : "";
  const step = (at: string, value: number, firing: string) =>
    `        - { at: ${at},${of} values: { ${quoted(group)}: ${value} }, firing: [${firing}] }`;
  const what = isOfKb
    ? {
        en: ["{kb} fails on {value} of {of} PCs", "One update, as its page showed it when this rule was made."],
        zh: ["{kb} 在 {of} 台电脑中的 {value} 台上安装失败", "由某个更新包的页面按当时的筛选条件生成。"],
      }
    : {
        en: ["{cause}: {value} PCs", "One cause, as its page showed it when this rule was made."],
        zh: ["{cause}：{value} 台电脑", "由某个问题的页面按当时的筛选条件生成。"],
      };
  const isWhole = where.length <= 1;
  const name = isWhole ? nameOf(words) : `${nameOf(words)}_${hashOf(where.join())}`;
  const yaml = `- name: ${name}
  title:
    en: "${what.en[0]}"
    zh: "${what.zh[0]}"
  about:
    en: "${what.en[1]}"
    zh: "${what.zh[1]}"
  text:
    en: "First of them: {pcs}"
    zh: "例如：{pcs}"
  severity: warning
  count: failing
  where: { ${where.join(", ")} }
  group_by: [${isOfKb ? "kb" : "cause"}]
  # One more than failed when this was made, and at least ${LEAST}.
  threshold: { at_least: ${least} }
  for: 15m
  keep_firing_for: 2h
  tests:
    - case: one more than when this was made
      steps:
${step("0s", least - 1, "")}
${step("1m", least, "")}
${step("16m", least, quoted(group))}
`;
  return { yaml, leftOut: [...leftOut] };
}

/** A name that rules may have: lower-case letters, digits and `_`, a letter first. */
function nameOf(words: string[]): string {
  const name = words
    .join(" ")
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^[^a-z]+/, "")
    .replace(/_$/, "");
  return name.slice(0, 100) || "from_a_page";
}

/** Tells apart what no letters of a name can: 上海 and 北京, or `site:a` and `ring:a`. FNV-1a. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash.toString(36);
}

const isCategory = (name: string) => Object.hasOwn(MESSAGES.en.categories, name);

/** A text between quotes, with whatever has no shape of its own written as its number. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]|\p{Default_Ignorable_Code_Point}/gu,
    (character) => {
      const code = character.codePointAt(0)!.toString(16);
      return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
    },
  );
}
