// The JSON API as the pages see it (crates/web/README.md is the contract), and the hook that reads it.

import { useCallback, useEffect, useRef, useState } from "react";

/** A text in both languages. */
export interface Text {
  en: string;
  zh: string;
}

export interface Overview {
  /** Charts begin at `charted_from`, which is later than `from` where the range is longer than a chart holds. */
  range: { from: string; charted_from: string; to: string; step: "hour" | "day" };
  pending_units: number;
  totals: {
    endpoints: number;
    endpoints_failing: number;
    attempts: number;
    failed: number;
    succeeded: number;
    findings: number;
    /** Null where labels narrow: records are not counted by label. */
    events: number | null;
    noise: number | null;
    /** Null where a fleet has too many pieces of logs to sum up while somebody waits. */
    raw_bytes: number | null;
  };
  disk: { used_bytes: number; max_bytes: number; full: boolean; file_system_full: boolean };
  over_time: { t: string; failed: number; succeeded: number; other: number }[];
  categories_over_time: { t: string; category: string; count: number }[];
  top_causes: Cause[];
  top_codes: TopCode[];
  kbs: { kb: string; failed: number; succeeded: number; endpoints_failing: number }[];
  endpoints: EndpointRow[];
  /** Where the address groups by a label; the empty value is of those without it. */
  groups?: Group[];
}

export interface Group {
  value: string;
  endpoints: number;
  endpoints_failing: number;
  failed: number;
}

/** A label of an endpoint. */
export interface Label {
  label: string;
  value: string;
}

/** What endpoints can be narrowed and grouped by. */
export interface LabelList {
  labels: { label: string; values: { value: string; endpoints: number }[] }[];
}

export interface Cause {
  category: string;
  rule: string;
  title: Text;
  root_code: string | null;
  root_name: string | null;
  /** The object where all name the same one, or empty. */
  object: string;
  objects: number;
  count: number;
  endpoints: number;
  first: string | null;
  last: string | null;
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
  failed: number;
  last_failure: string | null;
  last_seen: string | null;
  category: string | null;
  title: Text | null;
}

export interface EndpointList {
  /** The days that failures are told of; null where there is no data. */
  days: { from: string; to: string } | null;
  endpoints: EndpointRow[];
  /** Of the whole list; null where a page behind its end was asked for. */
  total: number | null;
  next: string | null;
}

export interface EndpointDetail {
  endpoint: {
    id: string;
    /** What people call it. */
    name: string | null;
    host: string | null;
    labels: Label[];
    /** Names it had, those seen last first; with the MachineGuid where it enrolled under that name. */
    hosts: { host: string; machine_guid: string | null; first: string | null; last: string | null }[];
    /** When we heard of it last, in UTC. */
    contact: string | null;
    build: string | null;
    servicing_stack: string | null;
    /** The latest that any log shows. */
    utc_offset: UtcOffset | null;
    first: string | null;
    last: string | null;
  };
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
  evidence: { source: string; stream: string; offset: number; length: number; text: string }[];
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

/** An answer that is not the data: what the server said, or that it said nothing. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null,
  ) {
    super(message);
  }
}

/** Reads one address of the API. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal: signal ?? null, headers: { accept: "application/json" } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "", null);
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    const { error, hint } = (body ?? {}) as { error?: string; hint?: string };
    throw new ApiError(response.status, error ?? `HTTP ${response.status}`, hint ?? null);
  }
  return body as T;
}

export interface Loaded<T> {
  data: T | null;
  error: ApiError | null;
  /** A request is under way. Data of an earlier one may be shown meanwhile. */
  loading: boolean;
  reload: () => void;
}

/** Answers of this visit by address: going back shows a page at once, and a fresh answer replaces it. */
const seen = new Map<string, unknown>();
/** Enough for a walk through a fleet without holding the whole of it. */
const SEEN_MAX = 60;

/**
 * Reads `path` and again every `every(data)` milliseconds while the page is visible; null reads nothing.
 * While another address of the same hook loads, the last data stays: a page that narrows must not blink.
 */
export function useApi<T>(path: string | null, every?: (data: T) => number | null): Loaded<T> {
  const [state, setState] = useState<{ path: string | null; data: T | null; error: ApiError | null; loading: boolean }>(
    () => ({ path, data: path ? ((seen.get(path) as T) ?? null) : null, error: null, loading: path !== null }),
  );
  const [round, setRound] = useState(0);
  const interval = useRef(every);
  interval.current = every;

  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = () => {
      setState((now) => ({
        path,
        data: (seen.get(path) as T | undefined) ?? now.data,
        error: now.path === path ? now.error : null,
        loading: true,
      }));
      get<T>(path, abort.signal).then(
        (data) => {
          seen.delete(path);
          seen.set(path, data);
          if (seen.size > SEEN_MAX) seen.delete(seen.keys().next().value as string);
          setState({ path, data, error: null, loading: false });
          again(interval.current?.(data) ?? null);
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          const known = error instanceof ApiError ? error : new ApiError(0, String(error), null);
          setState((now) => ({
            path,
            data: now.path === path && known.status !== 404 ? now.data : null,
            error: known,
            loading: false,
          }));
          // A page that polls comes back by itself once the server does; 10 s spares a server that is starting.
          if (interval.current) again(10_000);
        },
      );
    };
    const again = (wait: number | null) => {
      if (wait === null) return;
      timer = setTimeout(() => (document.hidden ? again(wait) : load()), wait);
    };
    load();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [path, round]);

  const reload = useCallback(() => setRound((now) => now + 1), []);
  return { data: state.data, error: state.error, loading: state.loading, reload };
}
