// What the JSON API says of one endpoint, of its log, and of a code.

import type { Label, PcState, Text } from "./api";

export interface EndpointDetail {
  endpoint: {
    id: string;
    /** What people call it. */
    name: string | null;
    host: string | null;
    labels: Label[];
    /** Names that it had, those seen last first; with the MachineGuid where it enrolled under that name. */
    hosts: { host: string; machine_guid: string | null; first: string | null; last: string | null }[];
    /** Names of several machines that send as it by turns; none where it is one machine. */
    clones: string[];
    /** When we heard of it last, in UTC. */
    contact: string | null;
    /** So far its clock is ahead, from an hour on, where a log shows its zone. */
    clock_ahead_minutes: number | null;
    build: string | null;
    servicing_stack: string | null;
    /** The latest that any log shows. */
    utc_offset: UtcOffset | null;
    first: string | null;
    last: string | null;
  };
  /** What a scan of the same logs says. */
  verdict: Verdict | null;
  /** Of which time the verdict can tell; null where no log is held. */
  held: HeldTimes | null;
  /** What became of each update. */
  updates: UpdateState[];
  updates_total: number;
  /** Of the whole lists; of each the answer holds a page. */
  totals: { streams: number; attempts: number; failed: number; findings: number; noted: number; codes: number };
  streams: Stream[];
  attempts: Attempt[];
  findings: Finding[];
  /** The days that codes are told of; null where no log is held. */
  codes_days: { from: string; to: string } | null;
  codes: { code: string; names: string[]; meaning: Text | null; events: number; noise: number }[];
  pages: Record<ListName, Page>;
}

export interface Verdict {
  state: PcState | "superseded";
  text: Text;
  cause: string | null;
}

/** From when to when logs are or were held. */
export interface HeldTimes {
  from: string | null;
  to: string | null;
  /** No time in between is known to be missing, and none since. */
  whole: boolean;
  /** Nothing has come for a week. */
  silent: boolean;
  sources: HeldSource[];
}

export interface HeldSource {
  source: string;
  logs: number;
  bytes: number;
  first: string | null;
  last: string | null;
  /** The latest of them. */
  gaps: {
    from: string | null;
    to: string | null;
    reason: string;
    path: string;
    bytes?: [number, number];
    records?: [number, number];
  }[];
  gaps_total: number;
}

export interface UpdateState {
  kb: string;
  state: PcState | "superseded";
  since: string | null;
  cause: string | null;
  attempts: number;
}

/** The lists of an endpoint that come in pages. */
export const LIST_NAMES = ["streams", "attempts", "findings", "codes"] as const;
export type ListName = (typeof LIST_NAMES)[number];

/** Where a page stands in its list. */
export interface Page {
  total: number;
  /** Rows before it. */
  before: number;
  /** Places to ask for under the list's name; an empty one is the first page. */
  previous: string | null;
  next: string | null;
}

export interface UtcOffset {
  offset: string;
  how: string;
  from_logged: string | null;
}

export interface Stream {
  stream: string;
  source: string;
  path: string;
  encoding: string;
  bytes: number;
  first: string | null;
  last: string | null;
  /** The latest ones. */
  utc_offsets: UtcOffset[];
  utc_offsets_total: number;
  /** Bytes `from..to` never arrived: the first such ranges. */
  gaps: { from: number; to: number; reason: string }[];
  gaps_total: number;
}

export interface Attempt {
  id: string;
  package: string;
  kb: string;
  client: string;
  session: string;
  start: string | null;
  end: string | null;
  start_utc: string | null;
  outcome: string;
  terminal_code: string | null;
  terminal_name: string | null;
  /** The place of its finding in the list of findings. */
  finding: string | null;
}

export interface Finding {
  id: string;
  /** Where it stands in the list of findings. */
  place: string;
  rule: string;
  category: string;
  severity: string;
  title: Text;
  advice: Text;
  root_code: string | null;
  root_name: string | null;
  terminal_code: string | null;
  object: string;
  kb: string;
  package: string;
  component: string;
  logged: string | null;
  utc: string | null;
  confidence: number;
  reasons: { key: string; text: Text }[];
  count: number;
  /** False where something that came later ended it. */
  open?: boolean;
  /** The update that did, or null. */
  closed_by?: string | null;
  /** Without text for whoever may see none. */
  evidence: { source: string; stream: string; offset: number; length: number; text: string | null }[];
}

export interface Records {
  path: string;
  source: string;
  encoding: string;
  expired: boolean;
  records: LogRecord[];
  more_before: boolean;
  more_after: boolean;
}

export interface LogRecord {
  offset: number;
  length: number;
  logged: string | null;
  utc: string | null;
  level: string;
  component: string;
  text: string;
  /** Bytes of the text left out at its end; absent where it is whole. */
  omitted?: number;
  /** Where the text spells a code, in UTF-16 units, by place, without overlaps. */
  codes: { code: string; name: string | null; at: number; end: number }[];
  target: boolean;
}

export interface CodeDetail {
  code: string;
  space: string;
  names: string[];
  facility: string | null;
  meaning: Text | null;
  equivalents: { code: string; space: string; names: string[] }[];
  seen: { events: number; endpoints: number; first: string; last: string } | null;
}
