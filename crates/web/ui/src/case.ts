// What is said of a failure outside of these pages: to a ticket, to the user of the PC. Pure.

import type { Attempt, Finding } from "./api";
import { type Lang, MESSAGES, word } from "./i18n";
import { visible } from "./visible";

/** Advice as its steps, without the numbers or bullets that it was written with. */
export function steps(advice: string): string[] {
  return advice
    .split("\n")
    .map((line) => line.replace(/^\s*(?:\d+[.)、]?|[-*•])\s+/, "").trim())
    .filter(Boolean);
}

export const nameOfCode = (code: string, name: string | null) => (name ? `${code} ${name}` : code);

export const titleOfFinding = (finding: Pick<Finding, "title" | "category">, lang: Lang): string =>
  finding.title[lang] || word(MESSAGES[lang].categories, finding.category);

/** What only the person at the PC can do about a category of causes; of all others they are told that we see to it. */
const TOLD: Record<string, "disk" | "restart" | "inUse" | "network" | "check"> = {
  disk_full: "disk",
  pending_reboot: "restart",
  locked_file: "inUse",
  network: "network",
  network_dns: "network",
  retryable_download: "network",
  filesystem_corruption: "check",
  filesystem_or_disk: "check",
};

/** Words for somebody who has never seen a log: what does not work, what to do, and nothing that frightens without need. */
export function tellUser(lang: Lang, kb: string, category: string | null): string {
  const { tell } = MESSAGES[lang];
  const told = category === null ? undefined : TOLD[category];
  return `${tell.greeting(visible(kb) || tell.anUpdate)}${lang === "en" ? " " : ""}${tell[told ?? "general"]}`;
}

export interface Ticket {
  pc: string;
  build: string | null;
  attempt: Attempt | null;
  finding: Finding | null;
  /** The whole address of the page. */
  url: string;
}

/** What a colleague needs to go on without opening a page; one fact a line. */
export function ticketText(lang: Lang, { pc, build, attempt, finding, url }: Ticket): string {
  const t = MESSAGES[lang];
  const said = t.ticket;
  const lines: string[] = [];
  const fact = (label: string, text: string | null | undefined) => {
    if (text) lines.push(`${label}${lang === "zh" ? "：" : ": "}${visible(text).replaceAll("\n", " ")}`);
  };
  const kb = attempt?.kb || finding?.kb || attempt?.package || finding?.package || "";
  lines.push(
    [visible(pc), visible(kb), attempt && word(t.outcomes, attempt.outcome)].filter(Boolean).join(" · ") || visible(pc),
  );
  if (finding) {
    fact(said.cause, titleOfFinding(finding, lang));
    if (finding.root_code) fact(said.code, nameOfCode(finding.root_code, finding.root_name));
    fact(said.object, finding.object);
  }
  if (attempt?.terminal_code && attempt.terminal_code !== finding?.root_code)
    fact(t.endpoint.endedWith, nameOfCode(attempt.terminal_code, attempt.terminal_name));
  fact(said.when, whenOf(attempt?.start ?? finding?.logged ?? null, attempt?.start_utc ?? finding?.utc ?? null));
  fact(said.build, build);
  const todo = finding ? steps(finding.advice[lang]) : [];
  if (todo.length > 0) {
    lines.push(`${said.todo}${lang === "zh" ? "：" : ":"}`);
    todo.forEach((step, at) => lines.push(`${at + 1}. ${visible(step)}`));
  }
  fact(said.link, url);
  return lines.join("\n");
}

/** Both clocks in a line, where both are known. */
export function whenOf(logged: string | null, utc: string | null): string {
  const text = utc === null ? "" : `${utc.replace("T", " ").replace(/(\.\d+)?Z$/, "")} UTC`;
  return logged && text ? `${logged} (${text})` : (logged ?? text);
}
