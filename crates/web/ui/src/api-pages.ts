// What the JSON API says of updates, causes, one attempt, and of cbsift itself.

import type { Attempt, Cause, Disk, EndpointRow, Finding, Kb, PcState, Text } from "./api";

/** PCs by their state for an update, as in `Pcs`. */
export interface Funnel {
  seen: number;
  tried: number;
  installed: number;
  recovered: number;
  superseded: number;
  restart: number;
  failing: number;
  cancelled: number;
  unknown: number;
  not_tried: number;
}

export interface DayRange {
  from: string;
  to: string;
}

export interface UpdateRow extends Kb {
  title?: string | null;
  /** Days of the first and the last try. */
  first: string | null;
  last: string | null;
}

export interface UpdateList {
  range: DayRange | null;
  updates: UpdateRow[];
  total: number;
  next: string | null;
}

export interface UpdateDetail {
  range: DayRange | null;
  kb: string;
  known: boolean;
  pcs: Funnel;
  /** PCs that have it by the end of a day, and that failed it and do not have it yet. */
  over_time: { t: string; installed: number; failing: number }[];
  /** The update before it of the same line, by days after its own first try. */
  before: { kb: string; over_time: { day: number; installed: number; failing: number }[] } | null;
  first: string | null;
  causes: Cause[];
  causes_total: number;
  builds: { build: string; tried: number; failing: number; installed: number }[];
}

export interface CauseList {
  range: DayRange | null;
  causes: Cause[];
  total: number;
  next: string | null;
}

export interface CauseDetail extends Omit<Cause, "objects"> {
  range: DayRange | null;
  known: boolean;
  advice: Text | null;
  meaning: Text | null;
  equals: { code: string; space: string; names: string[] }[];
  /** PCs that failed by it on a day, and how often. */
  over_time: { t: string; pcs: number; count: number }[];
  /** The first of them; where causes are listed, `objects` is how many. */
  objects: { object: string; pcs: number }[];
  objects_total: number;
  kbs: { kb: string; pcs: number; count: number }[];
  terminal_codes: { code: string; names: string[]; count: number }[];
  sample: { endpoint: string; finding: Finding } | null;
  common: Common[];
  twins: EndpointRow[];
}

/** What PCs that fail have in common against PCs that do not. */
export interface Common {
  kind: string;
  label: string;
  value: string;
  failing: number;
  of_failing: number;
  healthy: number;
  of_healthy: number;
  /** Null where no healthy PC has it. */
  lift: number | null;
}

export interface Rung {
  rung: string;
  stream: string;
  offset: number;
  length: number;
  source: string;
  path?: string;
  logged: string | null;
  utc: string | null;
  /** Null for whoever may see no text of logs. */
  text: string | null;
  codes: { code: string; name: string | null; at: number; end: number }[];
}

export interface AttemptDetail {
  endpoint: { id: string; name: string | null; host: string | null; build: string | null };
  attempt: Attempt;
  finding: Finding | null;
  /** In the order logged. */
  ladder: Rung[];
  same: { pcs: number; attempts: number; cause: string | null };
  before: Attempt[];
  after: Attempt[];
}

export interface Unexplained {
  range: DayRange | null;
  failed: number;
  unexplained: number;
  clusters: Cluster[];
  clusters_total: number;
}

export interface Cluster {
  id: string;
  code: string | null;
  names: string[];
  component: string;
  /** The shape of the line, with `*` for what differs. */
  text: string;
  pcs: number;
  attempts: number;
  /** Of the attempts that are not explained, from 0 to 1. */
  share: number;
  builds: string[];
  kbs: string[];
  samples: { endpoint: string; attempt: string | null; logged: string | null; text: string }[];
  /** A rule to begin with, in YAML; null where the line has too few words. */
  draft: string | null;
}

export interface SearchAnswer {
  q: string;
  /** The address of the only exact hit. */
  go: string | null;
  pcs: { id: string; name: string | null; host: string | null; state: PcState }[];
  updates: { kb: string; failing: number; tried: number }[];
  codes: { code: string; names: string[] }[];
  causes: { id: string; title: Text; pcs: number }[];
  objects: { object: string; cause: string; pcs: number }[];
}

export interface LostPiece {
  endpoint: string;
  source: string;
  stream: string | null;
  path: string;
  from: number;
  to: number;
  unit: "bytes" | "records";
  reason: string;
  told: string;
}

export interface Coverage {
  range: DayRange | null;
  seen: number;
  silent: number;
  clock_ahead: number;
  /** Null, as `gaps_total`, where a fleet has too many pieces of logs to count while somebody waits. */
  reporting: { t: string; pcs: number }[] | null;
  gaps: { endpoint: string; stream: string; source: string; path: string; from: number; to: number; reason: string }[];
  gaps_total: number | null;
  /** What agents say to be lost for good, the last first; `from` and `to` are bytes or numbers of records. */
  lost: LostPiece[];
  lost_total: number;
  /** Ids under which several machines send by turns, with the names of these. */
  clones: { endpoint: string; hosts: string[] }[];
  clones_total: number;
}

export interface System {
  version: string;
  now: string;
  disk: Disk;
  pending_units: number;
  oldest_pending_s?: number | null;
  /** Null where none is published: the shipped rules are used. */
  rule_set: { sequence: number; digest: string; rules: number | null; site: boolean } | null;
  rule_sets: { sequence: number; digest: string }[];
  dead_letters: Counted<{ at: string | null; endpoint: string; source: string; reason: string; bytes: number }>;
  dead_units: Counted<{ endpoint: string; month: string | number; reason: string; at: string | null }>;
  topic_gaps: Counted<Record<string, string | number | null>>;
  lost_parts: Counted<Record<string, string | number | null>>;
  tables: { table: string; rows: number; bytes: number }[];
  /** Jobs that classify again what is stored, the latest to change first. */
  jobs: Job[];
  /** Sentences; none where all is well. */
  trouble: Text[];
}

export interface Job {
  id: string;
  kind: string;
  /** Of a rollback the job that it takes back. */
  undoes: string | null;
  state: string;
  actor: string;
  made: string;
  changed: string;
  from: string;
  to: string;
  /** How many it names; null where it is of all. */
  endpoints: number | null;
  label: string | null;
  sources: string[];
  base: number;
  rule_set: number | null;
  digest: string;
  /** By what happens to them; null where nobody noted it. */
  changes: { events: Record<string, number>; findings: Record<string, number>; units: number } | null;
  progress: {
    at: string;
    phase: string;
    bytes: number;
    bytes_total: number;
    chunks: number;
    poisoned: number;
    units: number;
  } | null;
}

/** The first rows of a list, and how many it has. */
export interface Counted<T> {
  total: number;
  rows: T[];
}

export interface Alerts {
  /** When the rules were last looked at, in UTC. */
  evaluated: string | null;
  configured: boolean;
  rules: AlertRule[];
  firing: Alert[];
  history: (Alert & { resolved: string | null })[];
}

export interface AlertRule {
  name: string;
  severity: string;
  state: string;
  groups: number;
  value: number | null;
  threshold: number | null;
  last: string | null;
  error: string | null;
  title: Text;
  about: Text;
}

export interface Alert {
  id: string;
  rule: string;
  severity: string;
  state: string;
  labels: Record<string, string>;
  since: string | null;
  value: number | null;
  title: Text;
  /** The page that it is about. */
  page: string;
  deliveries: { receiver: string; at: string; ok: boolean; error: string | null }[];
}
