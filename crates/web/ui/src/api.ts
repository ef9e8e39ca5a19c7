// The JSON API as the pages see it; crates/web/README.md is the contract, and `load.ts` reads it. One endpoint, its log and
// codes stand in a file of their own, and so do the pages of updates, causes and cbsift itself.

export * from "./api-machine";
export * from "./api-pages";

/** A text in both languages. */
export interface Text {
  en: string;
  zh: string;
}

/** What there is to say of a PC, the gravest first; `not_tried` where it has no attempt. */
export const PC_STATES = ["failing", "restart", "cancelled", "recovered", "installed", "unknown", "not_tried"] as const;
export type PcState = (typeof PC_STATES)[number];

export interface Disk {
  used_bytes: number;
  /** 0: no bound. */
  max_bytes: number;
  full: boolean;
  file_system_full: boolean;
}

/** What the header asks for every few seconds, on every page. */
export interface Status {
  pending_units: number;
  /** Seconds that the oldest unit has waited; absent where none waits. */
  oldest_pending_s?: number;
  disk: Disk;
  /** Another number whenever something was derived or labelled. */
  derived?: number;
  /** When the newest log arrived, in UTC; absent where nobody said. */
  last_log?: string | null;
  /** Sentences that the page of the system has to say. */
  trouble?: number;
  /** Of the reader; absent where the pages ask for no token. */
  role?: string;
}

export interface Overview {
  /** Charts begin at `charted_from`, which is later than `from` where the range is longer than a chart holds. */
  range: { from: string; charted_from: string; to: string; step: "hour" | "day" };
  now: string;
  pending_units: number;
  pcs: Pcs;
  /** Of attempts and records. */
  totals: {
    attempts: number;
    failed: number;
    succeeded: number;
    other: number;
    /** Null where labels leave too many records to count while somebody waits. */
    events: number | null;
    noise: number | null;
    /** Null where a fleet has too many pieces of logs to sum up while somebody waits. */
    raw_bytes: number | null;
  };
  disk: Disk;
  /** Attempts by the day of their start. */
  over_time: { t: string; failed: number; succeeded: number; other: number }[];
  /** Failed attempts on their own day, by the category of their cause. */
  categories_over_time: { t: string; category: string; count: number }[];
  /** When rules were changed, in UTC. */
  marks: { at: string; what: string }[];
  top_causes: Cause[];
  causes_total: number;
  top_codes: TopCode[];
  kbs: Kb[];
  kbs_total: number;
  /** False where a filter names what nothing in the range has. */
  known: boolean;
  /** Where a KB is not known: those of the range that are spelled most alike. */
  like: string[];
  /** PCs that fail now, the first of `pcs.failing`. */
  endpoints: EndpointRow[];
  /** Where the address groups by a label: those with most PCs that fail first. */
  groups?: Group[];
}

/** PCs that have the same value of a label; the empty one is of those without it. */
export interface Group {
  value: string;
  /** Of all PCs, whatever the days, update, cause or code. */
  endpoints: number;
  /** That fail now. */
  endpoints_failing: number;
  /** Attempts. */
  failed: number;
}

/** What people say of a PC. */
export interface Label {
  label: string;
  value: string;
}

/** Who did what, the newest first. */
export interface Audit {
  rows: AuditRow[];
  next: string | null;
}

export interface AuditRow {
  at: string;
  actor: string;
  action: string;
  object: string;
  before: unknown;
  after: unknown;
  /** Which process wrote it, and its which row. */
  writer: string;
  number: number;
  hash: string;
}

/** What PCs can be narrowed and grouped by. */
export interface LabelList {
  labels: { label: string; values: { value: string; endpoints: number }[] }[];
}

/** PCs by their state at the end of the range. */
export interface Pcs {
  /** Whose logs reach into the range, whatever the update, cause or code; `not_tried` are of them. */
  seen: number;
  tried: number;
  failing: number;
  restart: number;
  /** With those that recovered or have a later update instead. */
  installed: number;
  recovered: number;
  cancelled: number;
  unknown: number;
  not_tried: number;
  /** Nothing where the range begins later. */
  failing_day_ago: number | null;
  failing_week_ago: number | null;
  /** Of all PCs, whatever the range: so are `clock_ahead` and `last_log`. */
  silent: number;
  clock_ahead: number;
  last_log: string | null;
}

export interface Cause {
  /** `<rule or category>~<code>`, the value of the filter `cause`. */
  id: string;
  /** `new`, `back`, `growing`, `shrinking`, `steady`, `gone` or `noted`; nothing where the range begins too late to tell. */
  state: string | null;
  category: string;
  rule: string;
  title: Text;
  root_code: string | null;
  root_name: string | null;
  /** The object where all name the same one, or empty. */
  object: string;
  objects: number;
  /** PCs that fail by it now, a day and a week ago, and ever in the range. */
  pcs_now: number;
  pcs_day_ago: number | null;
  pcs_week_ago: number | null;
  pcs: number;
  /** Failed attempts. */
  count: number;
  first: string | null;
  last: string | null;
}

/** An update: PCs by their state for it, the recovered and superseded among the installed; `failed` and `succeeded` are attempts. */
export interface Kb {
  kb: string;
  tried: number;
  installed: number;
  recovered: number;
  superseded: number;
  restart: number;
  failing: number;
  cancelled: number;
  unknown: number;
  failed: number;
  succeeded: number;
}

export interface TopCode {
  code: string;
  space: string;
  names: string[];
  meaning: Text | null;
  events: number;
  endpoints: number;
  noise: number;
}

export interface EndpointRow {
  endpoint: string;
  /** What people call it, or empty. */
  name: string;
  host: string;
  labels: Label[];
  build: string;
  state: PcState;
  failed: number;
  last_failure: string | null;
  last_seen: string | null;
  /** When its logs begin; on lists of PCs alone. */
  first_seen?: string;
  /** False where its logs are not of all the days of the list. */
  covered?: boolean;
  /** No log for a week. */
  silent: boolean;
  category: string | null;
  cause: string | null;
  kb: string | null;
  title: Text | null;
}

export interface EndpointList {
  /** Null where there is no data. */
  range: { from: string; to: string } | null;
  endpoints: EndpointRow[];
  /** Of the whole list; null where a page behind its end was asked for. */
  total: number | null;
  next: string | null;
}
