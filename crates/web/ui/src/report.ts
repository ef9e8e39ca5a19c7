// A case report: what happened, why, what it comes to. One description of it, drawn as a page, as Markdown and as HTML. Pure.

import type { AttemptDetail, EndpointDetail } from "./api";
import { nameOfCode, steps, titleOfFinding, whenOf } from "./case";
import { type CauseGroup, sorted } from "./findings";
import { type Lang, MESSAGES, word } from "./i18n";
import { namesOf } from "./names";

/** What only the engineer knows; it is typed into the page and never sent. */
export interface Typed {
  caseNumber: string;
  customer: string;
  tried: string;
  outcome: string;
}

export const NOTHING_TYPED: Typed = { caseNumber: "", customer: "", tried: "", outcome: "" };

export type Block =
  | { kind: "lead" | "text" | "head"; text: string }
  | { kind: "facts"; rows: [label: string, value: string][] }
  | { kind: "list" | "steps"; items: string[] }
  /** Records: where each stands, and its text as logged. */
  | { kind: "records"; items: { head: string; text: string }[] };

export interface Report {
  title: string;
  sections: { title: string; blocks: Block[] }[];
  /** By whom and when, in words. */
  made: string;
  /** The whole address of the page with the evidence; of its parts each is encoded. */
  url: string;
}

export interface Case {
  detail: EndpointDetail;
  /** The attempt that it is about; null where the PC has none that failed. */
  attempt: AttemptDetail | null;
  typed: Typed;
  url: string;
  /** When it is made, as the reader's clock says. */
  made: string;
}

export function reportOf(lang: Lang, { detail, attempt, typed, url, made }: Case): Report {
  const t = MESSAGES[lang];
  const said = t.report;
  const pc = namesOf(detail.endpoint.name, detail.endpoint.host, detail.endpoint.id)[0]!;
  const groups = sorted(detail.findings);
  // Of an attempt whose cause nobody knows, another problem of the PC is none.
  const finding = attempt ? attempt.finding : (groups.failing[0]?.latest ?? null);
  const tried = attempt?.attempt ?? null;
  const update = tried?.kb || finding?.kb || tried?.package || finding?.package || t.attempt.anUpdate;

  // The attempt itself tells only of some before and after it.
  const tries = (tried?.kb && detail.updates.find(({ kb }) => kb === tried.kb)?.attempts) || null;

  const problem: Block[] = [
    {
      kind: "lead",
      text: tried
        ? said.said(pc, update, word(t.outcomes, tried.outcome))
        : (detail.verdict?.text[lang] ?? (finding ? titleOfFinding(finding, lang) : t.pc.nothing)),
    },
  ];
  const facts: [string, string | null | undefined][] = [
    [said.caseNumber, typed.caseNumber],
    [said.customer, typed.customer],
    [said.pc, namesOf(detail.endpoint.name, detail.endpoint.host, detail.endpoint.id).join(" · ")],
    [t.endpoint.build, detail.endpoint.build],
    [t.endpoint.stack, detail.endpoint.servicing_stack],
    [said.update, tried ? update : finding?.kb],
    [t.endpoint.package, tried?.package],
    [said.start, tried && whenOf(tried.start, tried.start_utc)],
    [said.end, tried?.end],
    [said.endedWith, tried?.terminal_code && nameOfCode(tried.terminal_code, tried.terminal_name)],
    [t.endpoint.client, tried?.client],
    [said.tries, tries === null ? null : String(tries)],
  ];
  problem.push({ kind: "facts", rows: facts.flatMap(([label, value]) => (value ? [[label, value]] : [])) });

  const analysis: Block[] = [];
  if (finding) {
    analysis.push({ kind: "lead", text: said.causeIs(titleOfFinding(finding, lang)) });
    const rows: [string, string][] = [];
    if (finding.root_code) rows.push([t.endpoint.rootCode, nameOfCode(finding.root_code, finding.root_name)]);
    if (finding.object) rows.push([t.endpoint.object, finding.object]);
    if (finding.component) rows.push([t.endpoint.component, finding.component]);
    rows.push([t.endpoint.confidence, `${t.endpoint.confidenceOf(finding.confidence)} · ${finding.confidence} / 100`]);
    analysis.push({ kind: "facts", rows });
    if (finding.reasons.length > 0) {
      analysis.push({ kind: "head", text: t.endpoint.whyThis });
      analysis.push({ kind: "list", items: finding.reasons.map(({ text }) => text[lang]) });
    }
  } else {
    analysis.push({ kind: "lead", text: said.noCause });
  }
  const chain = chainOf(lang, attempt, finding);
  if (chain.length > 0) analysis.push({ kind: "head", text: said.chain }, { kind: "records", items: chain });
  const harmless = harmlessOf(lang, groups.noted);
  if (harmless.length > 0) analysis.push({ kind: "head", text: said.notCause }, { kind: "list", items: harmless });
  const gaps = detail.streams.reduce((sum, stream) => sum + stream.gaps_total, 0);
  // Of more logs than an answer holds nobody here knows that all are whole.
  const whole = detail.totals.streams <= detail.streams.length;
  const limits = [
    ...(gaps > 0 ? [said.gaps(gaps)] : whole ? [said.noGaps] : []),
    ...(detail.endpoint.utc_offset === null ? [said.noUtc] : []),
  ];
  if (limits.length > 0) analysis.push({ kind: "head", text: said.limits }, { kind: "list", items: limits });

  const todo = finding ? steps(finding.advice[lang]) : [];
  const done = typed.tried
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  const summary: Block[] = [
    {
      kind: "lead",
      text: [
        finding ? said.causeIs(titleOfFinding(finding, lang)) : said.noCause,
        ...(attempt && attempt.same.pcs > 1 ? [said.fleet(attempt.same.pcs)] : []),
      ].join(lang === "zh" ? "" : " "),
    },
    { kind: "head", text: said.todo },
    todo.length > 0 ? { kind: "steps", items: todo } : { kind: "text", text: said.noTodo },
    ...(done.length > 0
      ? ([
          { kind: "head", text: said.stepsTried },
          { kind: "steps", items: done },
        ] satisfies Block[])
      : []),
    { kind: "head", text: said.result },
    { kind: "text", text: typed.outcome.trim() || said.open },
  ];
  return {
    title: said.of([pc, tried ? update : ""].filter(Boolean).join(" · ")),
    sections: [
      { title: said.problem, blocks: problem },
      { title: said.analysis, blocks: analysis },
      { title: said.summary, blocks: summary },
    ],
    made: said.made(made),
    url,
  };
}

/** The way from the origin to the result; of a finding without an attempt its evidence. */
function chainOf(lang: Lang, attempt: AttemptDetail | null, finding: AttemptDetail["finding"]) {
  const t = MESSAGES[lang];
  const place = (source: string, offset: number) => `${word(t.sources, source)} · ${t.records.at(offset)}`;
  if (attempt && attempt.ladder.length > 0) {
    return attempt.ladder.map((rung) => ({
      head: [word(t.attempt.rungs, rung.rung), whenOf(rung.logged, rung.utc), place(rung.source, rung.offset)]
        .filter(Boolean)
        .join(" · "),
      text: rung.text ?? t.roles.withheld,
    }));
  }
  return (finding?.evidence ?? []).map(({ source, offset, text }) => ({
    head: place(source, offset),
    text: text ?? t.roles.withheld,
  }));
}

/** What looks like an error beside it and is none. */
function harmlessOf(lang: Lang, noted: readonly CauseGroup[]): string[] {
  const between = lang === "zh" ? "：" : ": ";
  return noted.map(
    ({ latest, count }) =>
      `${titleOfFinding(latest, lang)}${latest.object ? `${between}${latest.object}` : ""} · ${MESSAGES[lang].endpoint.standsFor(count)}`,
  );
}
