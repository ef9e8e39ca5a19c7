// What the API answers. Made by `make api` from crates/web/openapi.json, which is made from the code: change neither by hand.

/**
 * A time in UTC: `2022-08-18T07:53:46.609Z`.
 */
export type UtcTime = string;
/**
 * What a rule of alerts calls it.
 */
export type AlertSeverity = "info" | "warning" | "critical";
/**
 * What an alert is in.
 */
export type AlertStateName = "pending" | "firing" | "resolved";
/**
 * What a rule of alerts is in; `error`: it could not be asked.
 */
export type AlertRuleState = "inactive" | "pending" | "firing" | "error";
/**
 * A line of a list of causes.
 */
export type Cause = CauseHead & {
  /**
   * How many there are.
   */
  objects: number;
};
/**
 * A time as logged, of the PC's own clock: `2022-08-18 15:53:46`.
 */
export type LoggedTime = string;
/**
 * A code: `0x` and eight lower-case digits; a number of Win32 or of the database engine is decimal, `1392` or `-1811`.
 */
export type CodeText = string;
/**
 * How a cause goes on, against a day before and then a week; `noted`: nothing failed by it.
 */
export type CauseState = "new" | "back" | "growing" | "shrinking" | "steady" | "gone" | "noted";
/**
 * A day: `2022-08-18`.
 */
export type DayText = string;
export type CauseDetail = CauseHead & {
  /**
   * A step a line.
   */
  advice: Text | null;
  /**
   * What at least two PCs that fail by it now have, against those that tried an update which fails by it (where none does, any) and fail in
   * nothing.
   */
  common: Common[];
  /**
   * Codes that say the same.
   */
  equals: EquivalentCode[];
  kbs: CauseKb[];
  /**
   * False where nothing in the range has it; its names are told all the same.
   */
  known: boolean;
  /**
   * Of `root_code`.
   */
  meaning: Text | null;
  /**
   * The first of them, also of findings that attempts have as theirs.
   */
  objects: CauseObject[];
  /**
   * As `objects` of a row of the list.
   */
  objects_total: number;
  /**
   * Failed attempts on the day of their start; the sum of `count` is that of the cause.
   */
  over_time: CauseDay[];
  range: DayRange | null;
  /**
   * The latest finding, as on the page of its PC.
   */
  sample: CauseSample | null;
  terminal_codes: TerminalCode[];
  /**
   * Of these healthy PCs some that have such an update installed and the build of a failing one.
   */
  twins: EndpointRow[];
};
/**
 * What PCs have in common.
 */
export type CommonKind = "build" | "servicing_stack" | "label";
/**
 * Whose numbers a code is one of.
 */
export type CodeSpace = "hresult" | "ntstatus" | "win32" | "esent";
/**
 * A kind of log.
 */
export type LogSource =
  "cbs" | "dism" | "setup" | "reporting_events" | "windows_update" | "pfro" | "event_log" | "configmgr" | "intune";
/**
 * How grave a finding is.
 */
export type FindingSeverity = "info" | "warning" | "error" | "critical";
/**
 * What there is to say of a PC, the gravest first. `superseded` is told as `installed`; `not_tried` where it tried nothing.
 */
export type PcState = "failing" | "restart" | "cancelled" | "recovered" | "installed" | "unknown" | "not_tried";
/**
 * Why a part of a log is lost for good.
 */
export type LostReason = "gone" | "damaged" | "overwritten" | "unreadable";
/**
 * Of what places are told.
 */
export type LostUnit = "bytes" | "records";
/**
 * How an attempt ended.
 */
export type AttemptOutcome = "succeeded" | "failed" | "rolled_back" | "pending_reboot" | "cancelled" | "unknown";
/**
 * What shows the offset of a log's clock from UTC.
 */
export type UtcShownBy = "csi_stamp" | "universal_time" | "stamp_offset" | "session_id";
/**
 * Why logs of a time are missing.
 */
export type HeldReason =
  | "start_missing"
  | "not_received"
  | "topic_lost"
  | "no_log"
  | "silent"
  | "gone"
  | "damaged"
  | "overwritten"
  | "unreadable";
/**
 * What became of an update on a PC.
 */
export type KbState = "failing" | "restart" | "cancelled" | "recovered" | "installed" | "superseded" | "unknown";
/**
 * As `cbsift scan` has it.
 */
export type VerdictName = "failed" | "inconclusive" | "restart" | "repaired" | "healthy";
/**
 * What a record is in a try, in the order that a ladder has them.
 */
export type RungKind = "origin" | "start" | "passed" | "result" | "end";
/**
 * What a record's head says of it.
 */
export type LogLevel = "unknown" | "info" | "warning" | "error";
/**
 * An update, in PCs; `failed` and `succeeded` are attempts.
 */
export type Kb = ByState & {
  /**
   * Attempts.
   */
  failed: number;
  /**
   * The day on which the first one began.
   */
  first: DayText | null;
  kb: string;
  /**
   * The day on which the last one began.
   */
  last: DayText | null;
  /**
   * Attempts.
   */
  succeeded: number;
};
/**
 * How far a chart's figures stand apart.
 */
export type StepName = "hour" | "day";
/**
 * A code of the fleet.
 */
export type TopCode = CodeCount & {
  /**
   * PCs that have such records.
   */
  endpoints: number;
};
/**
 * What readers may be.
 */
export type RoleName = "operator" | "auditor" | "administrator";
/**
 * How far a job is.
 */
export type JobStateName = "planned" | "applying" | "applied" | "rolled_back";
export type UpdateRow = Kb & {
  /**
   * No log tells it.
   */
  title: string | null;
};
/**
 * All PCs, those that tried it by their state for it.
 */
export type Funnel = ByState & {
  not_tried: number;
  /**
   * Whose logs reach into the range.
   */
  seen: number;
};

/**
 * What is answered, by address below /api/v1.
 */
export interface Answers {
  "/alerts": Alerts;
  "/audit": Audit;
  "/causes": CauseList;
  "/causes/{id}": CauseDetail;
  "/changes": Changed;
  "/codes/{code}": CodeDetail;
  "/coverage": Coverage;
  "/endpoints": EndpointList;
  "/endpoints/{id}": EndpointDetail;
  "/endpoints/{id}/attempts/{attempt}": AttemptDetail;
  "/endpoints/{id}/find": FoundRecord;
  "/endpoints/{id}/records": Records;
  "/labels": LabelList;
  "/overview": Overview;
  "/search": SearchAnswer;
  "/status": Status;
  "/system": System;
  "/unexplained": Unexplained;
  "/updates": UpdateList;
  "/updates/{kb}": UpdateDetail;
}
export interface Alerts {
  /**
   * Whether anybody is told.
   */
  configured: boolean;
  /**
   * When rules were last evaluated.
   */
  evaluated: UtcTime | null;
  /**
   * The latest 500.
   */
  firing: Alert[];
  /**
   * The last 100 to end.
   */
  history: Alert[];
  rules: AlertRule[];
}
export interface Alert {
  deliveries: AlertDelivery[];
  /**
   * The same in every answer.
   */
  id: string;
  labels: {
    [k: string]: string;
  };
  /**
   * The page that it is about, `/…`.
   */
  page: string;
  /**
   * Of one that is over.
   */
  resolved?: UtcTime;
  rule: string;
  severity: AlertSeverity;
  since: UtcTime;
  state: AlertStateName;
  title: Text;
  /**
   * Of one that is over the greatest.
   */
  value: number;
}
export interface AlertDelivery {
  /**
   * When it was last tried.
   */
  at: UtcTime;
  error: string | null;
  ok: boolean;
  receiver: string;
}
/**
 * A text in both languages.
 */
export interface Text {
  en: string;
  zh: string;
}
export interface AlertRule {
  about: Text;
  /**
   * Why it could not be asked.
   */
  error: string | null;
  /**
   * Groups that are pending or firing.
   */
  groups: number;
  /**
   * When it was last evaluated.
   */
  last: UtcTime;
  name: string;
  severity: AlertSeverity;
  state: AlertRuleState;
  /**
   * What it must reach.
   */
  threshold: number | null;
  /**
   * With `…` where figures stand.
   */
  title: Text;
  /**
   * The greatest of its groups; nothing where nothing is counted.
   */
  value: number | null;
}
export interface Audit {
  /**
   * Goes into `after`; nothing at the end.
   */
  next: string | null;
  rows: AuditRow[];
}
/**
 * As `cbsift audit list --format json` has it.
 */
export interface AuditRow {
  action: string;
  actor: string;
  after: unknown;
  at: UtcTime;
  /**
   * JSON where it was written as such, else text.
   */
  before: {
    [k: string]: unknown;
  };
  hash: string;
  /**
   * Its which row.
   */
  number: number;
  object: string;
  previous: string[];
  /**
   * Which process wrote it.
   */
  writer: string;
}
export interface CauseList {
  causes: Cause[];
  /**
   * Goes into `after`; nothing at the end.
   */
  next: string | null;
  /**
   * Nothing where there is no data.
   */
  range: DayRange | null;
  total: number;
}
/**
 * A cause, on its own page too, which lists the objects.
 */
export interface CauseHead {
  category: string;
  /**
   * Failed attempts, or repeats of findings that stand alone.
   */
  count: number;
  first: LoggedTime | null;
  /**
   * What the filter `cause` takes: its rule, or where no rule names it its category, then `~`, then its code, which may be empty.
   */
  id: string;
  last: LoggedTime | null;
  /**
   * The object where all name the same one, or empty.
   */
  object: string;
  /**
   * PCs that fail or failed by it in the range.
   */
  pcs: number;
  /**
   * Nothing where the range begins later; so is `pcs_week_ago`.
   */
  pcs_day_ago: number | null;
  /**
   * PCs that fail by it now.
   */
  pcs_now: number;
  pcs_week_ago: number | null;
  root_code: CodeText | null;
  root_name: string | null;
  /**
   * Empty where no rule names it.
   */
  rule: string;
  /**
   * Nothing where the range begins too late to tell.
   */
  state: CauseState | null;
  title: Text;
}
/**
 * The days that something is told of.
 */
export interface DayRange {
  from: DayText;
  to: DayText;
}
/**
 * What PCs that fail have, against those that do not.
 */
export interface Common {
  failing: number;
  healthy: number;
  kind: CommonKind;
  /**
   * Of kind `label` its name, else empty.
   */
  label: string;
  /**
   * (failing / of_failing) / (healthy / of_healthy); nothing where no healthy PC has it.
   */
  lift: number | null;
  of_failing: number;
  of_healthy: number;
  value: string;
}
export interface EquivalentCode {
  code: CodeText;
  names: string[];
  space: CodeSpace;
}
export interface CauseKb {
  count: number;
  kb: string;
  pcs: number;
}
export interface CauseObject {
  object: string;
  pcs: number;
}
export interface CauseDay {
  count: number;
  pcs: number;
  t: DayText;
}
export interface CauseSample {
  endpoint: string;
  finding: Finding;
}
export interface Finding {
  /**
   * A step a line.
   */
  advice: Text;
  category: string;
  /**
   * The update that ended it.
   */
  closed_by: string | null;
  component: string;
  /**
   * In percent.
   */
  confidence: number;
  count: number;
  evidence: Evidence[];
  /**
   * Sixteen hex digits.
   */
  id: string;
  kb: string;
  logged: LoggedTime | null;
  /**
   * What it is about, or empty.
   */
  object: string;
  /**
   * Whether nothing that came later ended it; absent where that is not asked, or too much to tell.
   */
  open?: boolean;
  package: string;
  /**
   * Where it stands in the list of findings.
   */
  place: string;
  reasons: Reason[];
  root_code: CodeText | null;
  root_name: string | null;
  /**
   * Empty where no rule names it.
   */
  rule: string;
  severity: FindingSeverity;
  terminal_code: CodeText | null;
  title: Text;
  utc: UtcTime | null;
}
export interface Evidence {
  length: number;
  offset: number;
  source: LogSource;
  stream: string;
  /**
   * Nothing where who asks may see no text of logs.
   */
  text: string | null;
}
export interface Reason {
  key: string;
  text: Text;
}
/**
 * A code that people see.
 */
export interface TerminalCode {
  code: CodeText;
  count: number;
  names: string[];
}
/**
 * One line of a list of endpoints.
 */
export interface EndpointRow {
  build: string;
  /**
   * Of the failure that decides its state, or of the latest; so are `cause`, `kb` and `title`.
   */
  category: string | null;
  cause: string | null;
  /**
   * False where its logs do not reach from the first day of the range to the last, or to a week before now; on lists of PCs alone.
   */
  covered?: boolean;
  endpoint: string;
  /**
   * Attempts of the range.
   */
  failed: number;
  /**
   * When its logs begin; on lists of PCs alone, and absent where that is not known.
   */
  first_seen?: LoggedTime;
  /**
   * The last host name told of it, or empty.
   */
  host: string;
  kb: string | null;
  labels: Label[];
  last_failure: LoggedTime | null;
  last_seen: LoggedTime | null;
  /**
   * What people call it, or empty.
   */
  name: string;
  /**
   * No log for a week.
   */
  silent: boolean;
  state: PcState;
  title: Text | null;
}
/**
 * A label of an endpoint.
 */
export interface Label {
  label: string;
  value: string;
}
export interface Changed {
  /**
   * As `/status` has it.
   */
  derived: number;
}
export interface CodeDetail {
  code: CodeText;
  equivalents: EquivalentCode[];
  /**
   * Its name, or its number.
   */
  facility: string | null;
  meaning: Text | null;
  names: string[];
  /**
   * Of all spellings of the failure; nothing where no record has one.
   */
  seen: CodeSeen | null;
  space: CodeSpace;
}
export interface CodeSeen {
  endpoints: number;
  events: number;
  first: LoggedTime;
  last: LoggedTime;
}
export interface Coverage {
  clock_ahead: number;
  /**
   * Ids that several machines send as by turns, whatever the days.
   */
  clones: ClonedEndpoint[];
  clones_total: number;
  /**
   * Bytes missing before a piece that begins in the range.
   */
  gaps: LogGap[];
  /**
   * In the same way.
   */
  gaps_total: number | null;
  /**
   * What senders say to be lost for good, the last told first; first told on these days where the filter names some.
   */
  lost: LostPiece[];
  lost_total: number;
  range: DayRange | null;
  /**
   * PCs that have a piece of a log which reaches into the day. Nothing, as `gaps_total`, where there are too many pieces of logs to look at
   * while a page waits.
   */
  reporting: ReportingDay[] | null;
  /**
   * As in `pcs` of the overview; so are `silent` and `clock_ahead`.
   */
  seen: number;
  silent: number;
}
/**
 * An endpoint, and the names of the machines that send as it by turns.
 */
export interface ClonedEndpoint {
  endpoint: string;
  /**
   * Names of these machines.
   */
  hosts: string[];
}
export interface LogGap {
  endpoint: string;
  from: number;
  path: string;
  reason: string;
  source: LogSource;
  stream: string;
  to: number;
}
/**
 * A part of a log that is lost for good.
 */
export interface LostPiece {
  endpoint: string;
  from: number;
  path: string;
  reason: LostReason;
  source: LogSource;
  /**
   * Nothing of a log of which no line was ever read.
   */
  stream: string | null;
  to: number;
  /**
   * When it was first told, in UTC.
   */
  told: UtcTime;
  /**
   * Of what `from` and `to` are places: `bytes` or `records`.
   */
  unit: LostUnit;
}
export interface ReportingDay {
  pcs: number;
  t: DayText;
}
export interface EndpointList {
  endpoints: EndpointRow[];
  /**
   * Goes into `after`; nothing at the end.
   */
  next: string | null;
  /**
   * Nothing where there is no data.
   */
  range: DayRange | null;
  /**
   * Of the whole list; nothing where `after` lies behind its end.
   */
  total: number | null;
}
export interface EndpointDetail {
  /**
   * The newest first.
   */
  attempts: Attempt[];
  codes: CodeCount[];
  /**
   * The days that codes are told of, the last 90 of its logs.
   */
  codes_days: DayRange | null;
  endpoint: EndpointHead;
  findings: Finding[];
  /**
   * Of which time the verdict can tell; nothing where no log is held.
   */
  held: HeldTimes | null;
  pages: EndpointPages;
  /**
   * Its logs, the latest first.
   */
  streams: Stream[];
  /**
   * Of the whole lists; of each the answer holds a page.
   */
  totals: EndpointTotals;
  /**
   * Those first that changed last.
   */
  updates: UpdateState[];
  updates_total: number;
  /**
   * What `cbsift scan` says of the same logs; nothing of a PC of more than 50,000 attempts or findings.
   */
  verdict: Verdict | null;
}
export interface Attempt {
  client: string;
  end: LoggedTime | null;
  /**
   * The place of its finding in the list of findings.
   */
  finding: string | null;
  /**
   * Sixteen hex digits.
   */
  id: string;
  kb: string;
  outcome: AttemptOutcome;
  package: string;
  session: string;
  start: LoggedTime | null;
  start_utc: UtcTime | null;
  terminal_code: CodeText | null;
  terminal_name: string | null;
}
/**
 * A code with how often it was seen.
 */
export interface CodeCount {
  code: CodeText;
  /**
   * Records that carry it, those of `noise` among them.
   */
  events: number;
  meaning: Text | null;
  names: string[];
  /**
   * Records of these that are known to be harmless.
   */
  noise: number;
  space: CodeSpace;
}
export interface EndpointHead {
  build: string | null;
  /**
   * So far its clock is ahead of ours, from an hour on, where a log shows its zone.
   */
  clock_ahead_minutes: number | null;
  /**
   * Host names of the machines that send as it by turns; none where it is one machine.
   */
  clones: string[];
  /**
   * When we heard of it last.
   */
  contact: UtcTime | null;
  first: LoggedTime | null;
  host: string | null;
  /**
   * Names that it had, those seen last first.
   */
  hosts: EndpointHost[];
  id: string;
  labels: Label[];
  last: LoggedTime | null;
  /**
   * What people call it.
   */
  name: string | null;
  servicing_stack: string | null;
  /**
   * The latest that any log shows.
   */
  utc_offset: UtcOffset | null;
}
/**
 * A name that it had.
 */
export interface EndpointHost {
  first: LoggedTime | null;
  host: string;
  last: LoggedTime | null;
  /**
   * With which it enrolled under this name.
   */
  machine_guid: string | null;
}
export interface UtcOffset {
  from_logged: LoggedTime;
  how: UtcShownBy;
  /**
   * `+08:00`
   */
  offset: string;
}
/**
 * What is held of all kinds of logs together, and of each.
 */
export interface HeldTimes {
  from: LoggedTime | null;
  /**
   * Nothing has come for a week.
   */
  silent: boolean;
  sources: HeldSource[];
  to: LoggedTime | null;
  /**
   * No time is known to be missing in between, and none since.
   */
  whole: boolean;
}
export interface HeldSource {
  bytes: number;
  first: LoggedTime | null;
  /**
   * The latest 20.
   */
  gaps: HeldGap[];
  gaps_total: number;
  last: LoggedTime | null;
  logs: number;
  source: LogSource;
}
/**
 * A time of which something is missing.
 */
export interface HeldGap {
  /**
   * Which bytes, where that is known.
   *
   * @minItems 2
   * @maxItems 2
   */
  bytes?: [number, number];
  from: LoggedTime | null;
  path: string;
  reason: HeldReason;
  /**
   * Which records of an event log, by their numbers.
   *
   * @minItems 2
   * @maxItems 2
   */
  records?: [number, number];
  /**
   * Nothing of a log of which no line was ever read.
   */
  stream: string | null;
  to: LoggedTime | null;
}
export interface EndpointPages {
  attempts: Page;
  codes: Page;
  findings: Page;
  streams: Page;
}
/**
 * Where a page stands in its list. `previous` and `next` are asked for under the list's name; an empty one is the first page.
 */
export interface Page {
  /**
   * Rows before the page.
   */
  before: number;
  /**
   * In the same way.
   */
  next: string | null;
  /**
   * Asked for under the name of the list; an empty one is the first page.
   */
  previous: string | null;
  total: number;
}
export interface Stream {
  bytes: number;
  encoding: string;
  first: LoggedTime | null;
  /**
   * The first 20.
   */
  gaps: StreamGap[];
  gaps_total: number;
  last: LoggedTime | null;
  path: string;
  source: LogSource;
  stream: string;
  /**
   * The latest 20.
   */
  utc_offsets: UtcOffset[];
  utc_offsets_total: number;
}
/**
 * Bytes `from..to` of the stream never arrived.
 */
export interface StreamGap {
  from: number;
  reason: string;
  to: number;
}
/**
 * Of the whole lists, whatever their pages show.
 */
export interface EndpointTotals {
  attempts: number;
  codes: number;
  failed: number;
  findings: number;
  /**
   * Findings of severity `info`.
   */
  noted: number;
  streams: number;
}
/**
 * An update on this machine.
 */
export interface UpdateState {
  attempts: number;
  /**
   * Of its last failure.
   */
  cause: string | null;
  kb: string;
  /**
   * When the run of equal ends began that the last try belongs to.
   */
  since: LoggedTime | null;
  state: KbState;
}
/**
 * What is to be said of it in one word.
 */
export interface Verdict {
  /**
   * That of the update that failed last.
   */
  cause: string | null;
  /**
   * As the state of a PC.
   */
  state: KbState;
  text: Text;
  /**
   * As `scan` has it.
   */
  verdict: VerdictName;
}
export interface AttemptDetail {
  /**
   * The earliest after it.
   */
  after: Attempt[];
  attempt: Attempt;
  /**
   * Tries of the same update on this PC, the latest before it.
   */
  before: Attempt[];
  endpoint: AttemptEndpoint;
  /**
   * Without `open`.
   */
  finding: Finding | null;
  /**
   * What started the failure first; then in the order logged how the try began, what passed the failure on, its result, and what said later
   * how it ended.
   */
  ladder: Rung[];
  /**
   * Always empty: the store keeps no text of harmless records.
   */
  noise: HarmlessRecord[];
  same: SameCause;
}
export interface AttemptEndpoint {
  build: string | null;
  host: string | null;
  id: string;
  name: string | null;
}
export interface Rung {
  codes: CodeAt[];
  length: number;
  logged: LoggedTime | null;
  offset: number;
  /**
   * Absent where it is not known.
   */
  path?: string;
  rung: RungKind;
  source: LogSource;
  stream: string;
  /**
   * Nothing where who asks may see no text of logs.
   */
  text: string | null;
  utc: UtcTime | null;
}
/**
 * A code and where it is spelled, in UTF-16 units as browsers count.
 */
export interface CodeAt {
  at: number;
  code: CodeText;
  end: number;
  name: string | null;
}
/**
 * A harmless record beside it.
 */
export interface HarmlessRecord {
  logged: LoggedTime | null;
  text: string;
}
/**
 * How the fleet fails by the same cause, in the days that pages show unasked.
 */
export interface SameCause {
  attempts: number;
  cause: string | null;
  /**
   * 0 of a try that did not fail.
   */
  pcs: number;
}
export interface FoundRecord {
  /**
   * Bytes of the whole log.
   */
  end: number;
  /**
   * Whether there is more to read that way.
   */
  more: boolean;
  /**
   * Where the record begins; nothing where none was met yet.
   */
  offset: number | null;
  /**
   * The log was read up to here, or down to here.
   */
  reached: number;
}
export interface Records {
  encoding: string;
  /**
   * Its text is gone.
   */
  expired: boolean;
  more_after: boolean;
  more_before: boolean;
  path: string;
  records: LogRecord[];
  /**
   * Empty, as `encoding`, where nothing is held.
   */
  source: string;
}
export interface LogRecord {
  /**
   * In the order of their places, without overlaps.
   */
  codes: CodeAt[];
  component: string;
  length: number;
  level: LogLevel;
  logged: LoggedTime | null;
  offset: number;
  /**
   * Bytes of the text left out at its end; absent where it is whole.
   */
  omitted?: number;
  /**
   * It is the record that was asked for.
   */
  target: boolean;
  text: string;
  utc: UtcTime | null;
}
export interface LabelList {
  labels: LabelValues[];
}
export interface LabelValues {
  label: string;
  values: LabelValue[];
}
export interface LabelValue {
  endpoints: number;
  value: string;
}
export interface Overview {
  /**
   * Failed attempts by the category of their cause, and findings that stand alone.
   */
  categories_over_time: CategoryOverTime[];
  causes_total: number;
  disk: Disk;
  /**
   * PCs that fail, the first 20 of `pcs.failing`.
   */
  endpoints: EndpointRow[];
  /**
   * Where a label is named to group by: those with most PCs that fail first.
   */
  groups?: Group[];
  /**
   * The first 20, by PCs that fail.
   */
  kbs: Kb[];
  kbs_total: number;
  /**
   * False where a filter names what nothing in the range has.
   */
  known: boolean;
  /**
   * Of a KB that is not known those of the range that are spelled most alike.
   */
  like: string[];
  /**
   * Changes of rules in the charted days, as far as the audit reaches.
   */
  marks: Mark[];
  /**
   * Of the server.
   */
  now: UtcTime;
  /**
   * Attempts by the day of their start.
   */
  over_time: AttemptsOverTime[];
  pcs: Pcs;
  /**
   * Units still to derive: above 0 the figures still move.
   */
  pending_units: number;
  range: OverviewRange;
  /**
   * The first 20, by PCs that fail now.
   */
  top_causes: Cause[];
  top_codes: TopCode[];
  totals: OverviewTotals;
}
export interface CategoryOverTime {
  category: string;
  count: number;
  t: string;
}
export interface Disk {
  /**
   * It is full because the file system is, not because of the bound.
   */
  file_system_full: boolean;
  full: boolean;
  /**
   * 0: no bound.
   */
  max_bytes: number;
  used_bytes: number;
}
export interface Group {
  /**
   * Of all PCs that the filters `endpoint` and `label` leave, whatever the range.
   */
  endpoints: number;
  /**
   * That fail now.
   */
  endpoints_failing: number;
  /**
   * Attempts.
   */
  failed: number;
  /**
   * Of the label; the empty one is of PCs without it.
   */
  value: string;
}
/**
 * PCs that tried an update, by what became of it. `installed` are all that have it.
 */
export interface ByState {
  cancelled: number;
  failing: number;
  /**
   * With those that recovered or have a later update instead.
   */
  installed: number;
  recovered: number;
  restart: number;
  superseded: number;
  tried: number;
  unknown: number;
}
/**
 * What a chart marks: figures before it were made with other rules.
 */
export interface Mark {
  at: UtcTime;
  /**
   * `rules.publish`, `reprocess.apply` or `reprocess.rollback`.
   */
  what: string;
}
export interface AttemptsOverTime {
  failed: number;
  other: number;
  succeeded: number;
  /**
   * `2022-08-18`, or by hours `2022-08-18 15:00`; so everywhere in the overview.
   */
  t: string;
}
/**
 * PCs by state.
 */
export interface Pcs {
  cancelled: number;
  clock_ahead: number;
  failing: number;
  /**
   * Nothing, as `failing_week_ago`, where the range begins later.
   */
  failing_day_ago: number | null;
  failing_week_ago: number | null;
  /**
   * With those that recovered or have a later update instead.
   */
  installed: number;
  /**
   * When the newest log arrived or a PC enrolled.
   */
  last_log: UtcTime | null;
  not_tried: number;
  recovered: number;
  restart: number;
  /**
   * Whose logs reach into the range, whatever the update, cause or code; `not_tried` are of them.
   */
  seen: number;
  /**
   * Of all PCs, whatever the range: so are `clock_ahead` and `last_log`.
   */
  silent: number;
  tried: number;
  unknown: number;
}
export interface OverviewRange {
  /**
   * Charts begin here, later than `from` where the range is longer than a chart holds.
   */
  charted_from: string;
  /**
   * Empty, as `to`, where there is no data.
   */
  from: string;
  /**
   * Hours for up to two days.
   */
  step: StepName;
  to: string;
}
export interface OverviewTotals {
  attempts: number;
  /**
   * Nothing, as `noise`, where labels leave too many records to count while somebody waits.
   */
  events: number | null;
  failed: number;
  noise: number | null;
  other: number;
  /**
   * Nothing where a fleet has too many pieces of logs to sum up while somebody waits.
   */
  raw_bytes: number | null;
  succeeded: number;
}
export interface SearchAnswer {
  causes: SearchCause[];
  codes: SearchCode[];
  /**
   * The page of the only thing that the text names exactly, `/…`.
   */
  go: string | null;
  objects: SearchObject[];
  pcs: SearchPc[];
  /**
   * What was asked for.
   */
  q: string;
  updates: SearchUpdate[];
}
export interface SearchCause {
  id: string;
  pcs: number;
  title: Text;
}
export interface SearchCode {
  code: CodeText;
  names: string[];
}
export interface SearchObject {
  cause: string;
  object: string;
  pcs: number;
}
export interface SearchPc {
  /**
   * The last host name told of it, or empty.
   */
  host: string;
  id: string;
  /**
   * What people call it, or empty.
   */
  name: string;
  state: PcState;
}
export interface SearchUpdate {
  failing: number;
  kb: string;
  tried: number;
}
export interface Status {
  /**
   * Another number whenever something was derived or labelled: while it stays, only what goes by the clock or counts records changes.
   */
  derived: number;
  disk: Disk;
  /**
   * When the newest log arrived or a PC enrolled.
   */
  last_log: UtcTime | null;
  /**
   * Seconds that the oldest unit has waited; absent where none waits.
   */
  oldest_pending_s?: number;
  /**
   * Units still to derive: above 0 figures still move.
   */
  pending_units: number;
  /**
   * Of who asks; absent where the pages ask for no token.
   */
  role?: RoleName;
  /**
   * Sentences of `/system`: above 0 somebody should look.
   */
  trouble: number;
}
export interface System {
  /**
   * That wait for somebody, the oldest first.
   */
  dead_letters: Counted_DeadLetter;
  dead_units: Counted_DeadUnit;
  disk: Disk;
  /**
   * Jobs that classify again what is stored, the last to change first.
   */
  jobs: Job[];
  lost_parts: Counted_LostPart;
  now: UtcTime;
  /**
   * Seconds that the oldest unit has waited; absent where none waits.
   */
  oldest_pending_s?: number;
  pending_units: number;
  /**
   * Nothing where none is published: the shipped rules are used.
   */
  rule_set: RuleSet | null;
  /**
   * The last 50, the newest first; when each was published stands in the audit alone.
   */
  rule_sets: PublishedRuleSet[];
  tables: TableSize[];
  topic_gaps: Counted_TopicGap;
  /**
   * Sentences; none where all is well.
   */
  trouble: Text[];
  version: string;
}
/**
 * A list and how many rows it has in all.
 */
export interface Counted_DeadLetter {
  rows: {
    at: UtcTime;
    bytes: number;
    endpoint: string;
    reason: string;
    source: string;
  }[];
  total: number;
}
/**
 * A list and how many rows it has in all.
 */
export interface Counted_DeadUnit {
  rows: {
    at: UtcTime;
    endpoint: string;
    /**
     * `2022-08`, or `far-off`.
     */
    month: string;
    reason: string;
  }[];
  total: number;
}
/**
 * A job: what was asked for, by whom, what it changes and how far it is.
 */
export interface Job {
  actor: string;
  /**
   * The rule set that it compares with.
   */
  base: number;
  changed: UtcTime;
  /**
   * Nothing where nobody noted it.
   */
  changes: JobChanges | null;
  digest: string;
  /**
   * Endpoints that it names; none where it is of all.
   */
  endpoints: number | null;
  from: DayText;
  id: string;
  /**
   * `reprocess` or `rollback`.
   */
  kind: string;
  /**
   * Of the PCs that it is of.
   */
  label: string | null;
  made: UtcTime;
  progress: JobProgress | null;
  rule_set: number | null;
  sources: string[];
  state: JobStateName;
  to: DayText;
  /**
   * Of a rollback the job that it takes back.
   */
  undoes: string | null;
}
/**
 * Events and findings by what happens to them, and months of endpoints that are told otherwise then.
 */
export interface JobChanges {
  /**
   * How many by what happens to them: `appears`, `vanishes`, `changes`.
   */
  events: {
    [k: string]: number;
  };
  /**
   * In the same way.
   */
  findings: {
    [k: string]: number;
  };
  /**
   * Months of PCs that are told otherwise.
   */
  units: number;
}
export interface JobProgress {
  at: UtcTime;
  bytes: number;
  bytes_total: number;
  chunks: number;
  phase: string;
  poisoned: number;
  units: number;
}
/**
 * A list and how many rows it has in all.
 */
export interface Counted_LostPart {
  rows: {
    at: UtcTime | null;
    bytes: number;
    host: string;
    part: string;
    partition: string;
    reason: string;
    table: string;
  }[];
  total: number;
}
export interface RuleSet {
  digest: string;
  /**
   * Nothing where this build cannot load it.
   */
  rules: number | null;
  sequence: number;
  site: boolean;
}
export interface PublishedRuleSet {
  digest: string;
  sequence: number;
}
export interface TableSize {
  bytes: number;
  rows: number;
  table: string;
}
/**
 * A list and how many rows it has in all.
 */
export interface Counted_TopicGap {
  /**
   * Items: Offsets `from..to` of a topic that nobody read.
   */
  rows: {
    /**
     * When the last record before it was written.
     */
    after: UtcTime | null;
    /**
     * When the first record behind it was written.
     */
    before: UtcTime | null;
    from: number;
    partition: number;
    to: number;
    topic: string;
  }[];
  total: number;
}
export interface Unexplained {
  clusters: Cluster[];
  clusters_total: number;
  /**
   * Attempts of the range.
   */
  failed: number;
  range: DayRange | null;
  /**
   * Those of them that no rule names.
   */
  unexplained: number;
}
/**
 * Failures that have their code in common; its id is that of a cause.
 */
export interface Cluster {
  attempts: number;
  builds: string[];
  code: CodeText | null;
  component: string;
  /**
   * A rule to begin with, in YAML; nothing where the record has too few words.
   */
  draft: string | null;
  id: string;
  kbs: string[];
  names: string[];
  pcs: number;
  samples: ClusterSample[];
  /**
   * Of the attempts of all clusters, from 0 to 1.
   */
  share: number;
  /**
   * The shape of most of its records, with `*` for what differs.
   */
  text: string;
}
export interface ClusterSample {
  attempt: string | null;
  endpoint: string;
  logged: LoggedTime | null;
  text: string;
}
export interface UpdateList {
  /**
   * Goes into `after`; nothing at the end.
   */
  next: string | null;
  /**
   * Nothing where there is no data.
   */
  range: DayRange | null;
  total: number;
  updates: UpdateRow[];
}
export interface UpdateDetail {
  /**
   * Of the same line and branch the update of the greatest version below, among those tried in the range or in the 45 days before it.
   */
  before: UpdateBefore | null;
  builds: BuildRollout[];
  causes: Cause[];
  causes_total: number;
  /**
   * The day of its first try.
   */
  first: DayText | null;
  kb: string;
  known: boolean;
  /**
   * From its first try in the range on, PCs on which a try has succeeded by the end of the day, and PCs on which one has failed and none
   * succeeded.
   */
  over_time: UpdateDay[];
  pcs: Funnel;
  range: DayRange | null;
}
/**
 * The update before it.
 */
export interface UpdateBefore {
  kb: string;
  over_time: UpdateDaySince[];
}
export interface UpdateDaySince {
  /**
   * Days after its own first try.
   */
  day: number;
  failing: number;
  installed: number;
}
export interface BuildRollout {
  build: string;
  failing: number;
  installed: number;
  tried: number;
}
export interface UpdateDay {
  failing: number;
  installed: number;
  t: DayText;
}
/**
 * The last line of a list that was cut.
 */
export interface Cut {
  /**
   * `cut after 100000 of 120000 lines`
   */
  cut: string;
}
export interface Error {
  error: string;
  /**
   * The way out, where one is known.
   */
  hint: string | null;
  /**
   * Who may, where the role of who asks does not allow it.
   */
  roles?: string[];
}
