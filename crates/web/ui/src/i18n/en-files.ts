// What leaves the pages as files, of which time logs are held, who sends as one, and who changed rules, in English.

import { count, exact } from "../format";

export const files = {
  clones: {
    title: "One id, several machines",
    hint: "Their names take turns under one id, as after a disk was copied; let each machine have an id and a token of its own",
    machines: "Machines",
    names: "Names",
    of: (machines: number) => `${count("en", machines)} machines send under this id by turns`,
    ofHint: "What stands below is told of all of them at once. Their names:",
    clock: (ahead: string) => `Its clock is ${ahead} ahead.`,
    clockHint: "What stands below has its times. Set it right, or look why it gets no time from its domain.",
  },
  held: {
    sentence: (from: string, to: string, gaps: number, silent: boolean) =>
      `told from logs of ${from} to ${to}${gaps > 0 ? `, with ${count("en", gaps)} ${gaps === 1 ? "gap" : "gaps"}` : ""}${silent ? "; nothing has come since" : ""}`,
    latest: (shown: number, total: number) => `the latest ${count("en", shown)} of ${count("en", total)}`,
    only: (from: string | null, to: string | null) =>
      from === null || to === null ? "no logs with a time" : `logs of ${from} to ${to} only`,
    onlyHint: "Its logs do not cover these days: what failed at other times nobody can tell",
    reasons: {
      start_missing: "the start of the log never came",
      not_received: "bytes of the log never came",
      topic_lost: "bytes of the log never came; Kafka deleted records unread then",
      no_log: "no log of that time",
      silent: "nothing has come since",
      gone: "lost: the file was removed or overwritten before it was read",
      damaged: "lost: the cabinet is damaged",
      overwritten: "lost: the event log overwrote records before they were read",
      unreadable: "lost: records of the event log cannot be read",
    } as Record<string, string>,
  },
  lost: {
    title: "Lost for good, as agents say",
    hint: "What failed in them nobody can tell",
    none: "No agent has told of anything lost",
    told: "Told (UTC)",
    records: (from: number, to: number) =>
      to - from === 1 ? `record ${exact("en", from)}` : `records ${exact("en", from)} to ${exact("en", to - 1)}`,
  },
  jobs: {
    title: "Jobs of reprocess",
    hint: "Stored logs classified again with other rules; cbsift reprocess makes and applies jobs",
    job: "Job",
    by: "By",
    state: "State",
    which: "Which logs",
    rules: "Rules",
    changes: "What it changes",
    states: { planned: "Planned", applying: "Under way", applied: "Applied", rolled_back: "Taken back" } as Record<
      string,
      string
    >,
    undoes: (job: string) => `takes back ${job}`,
    all: "all PCs",
    pcs: (pcs: number) => `${count("en", pcs)} ${pcs === 1 ? "PC" : "PCs"}`,
    days: (from: string, to: string) => `${from} to ${to}`,
    ruleSet: (set: number, base: number) => `rule set ${set}, before it ${base}`,
    against: (base: number) => `against rule set ${base}`,
    noted: "not noted",
    nothing: "nothing",
    events: "records",
    findings: "findings",
    units: (units: number) => `${count("en", units)} ${units === 1 ? "month of a PC" : "months of PCs"}`,
    change: {
      appears: (figure, what) => `${figure} more ${what}`,
      vanishes: (figure, what) => `${figure} fewer ${what}`,
      changes: (figure, what) => `${figure} ${what} changed`,
    } as Record<string, (figure: string, what: string) => string>,
    phases: {
      classify: "classifying",
      take_back: "taking back",
      derive: "asking for analysis",
      count: "counting again",
      done: "all stored",
    } as Record<string, string>,
    done: (share: string) => `${share} read`,
  },
  ruleMarks: {
    title: "Rules changed",
    what: {
      "rules.publish": "rules published",
      "reprocess.apply": "stored logs classified again",
      "reprocess.rollback": "a job taken back",
    } as Record<string, string>,
  },
  log: {
    text: "Text in these records",
    level: "level",
    component: "component",
    any: (what: string) => `any ${what}`,
    byte: "Byte",
    jump: "Go to byte",
    download: "Download the log",
    downloadHint: "Its text from the beginning, up to 32 MiB; it says what is not held, and it is noted who took it",
    shown: (shown: number, loaded: number) => `${count("en", shown)} of ${count("en", loaded)} loaded records`,
    none: "None of the loaded records matches; load earlier or later ones, or widen the filter",
  },
  alertRule: {
    title: "As a rule of alerts",
    hint: "It fires when more PCs fail than now. Put it into a file of your folder of alert rules; cbsift alerts test and cbsift alerts publish do the rest.",
    copy: "Copy the rule",
    without: (what: string) => `Not in the rule, as rules know no such thing: ${what}`,
    leftOut: {
      days: "the days",
      code: "the code",
      endpoint: "the PC",
      category: "a category that is not known",
      cause: "a cause that is not known",
      label: "a second value of a label",
    },
  },
  files: {
    download: "Download as",
    hint: "The whole list with these filters, as a file; it is noted who took it",
  },
};
