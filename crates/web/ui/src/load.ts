// Reading the API: one request, and the hook that keeps an answer together with the address it belongs to.

import { useCallback, useEffect, useRef, useState } from "react";
import type { PathOf } from "./api";
import { isPaused, renewed } from "./live";

/** An answer that is not the data: what the server said, or that it said nothing. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint: string | null,
    /** Who may, where the reader's role does not allow it. */
    readonly roles: readonly string[] = [],
  ) {
    super(message);
  }
}

/** Reads one address of the API; one that answers something else than `T` does not compile. */
export async function get<T>(path: PathOf<T> & string, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { signal: signal ?? null, headers: { accept: "application/json" } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "", null);
  }
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok || body === null) {
    const { error, hint, roles } = (body ?? {}) as { error?: string; hint?: string; roles?: string[] };
    throw new ApiError(response.status, error ?? `HTTP ${response.status}`, hint ?? null, roles);
  }
  return body as T;
}

/** An answer, the address it is of, and when it came. */
export interface Answer<T> {
  path: string;
  data: T;
  at: number;
  /** Milliseconds from the question to its answer. */
  took: number;
}

export interface Loaded<T> {
  data: T | null;
  error: ApiError | null;
  /** What `data` is to the address that is asked for. */
  standing: Standing;
  /** The address that `data` is of. */
  of: string | null;
  /** When `data` came, in milliseconds of this machine's clock. */
  at: number | null;
  /** How long it was on its way, in milliseconds. */
  took: number | null;
  reload: () => void;
  /** Whether a question is under way. */
  isAsking: () => boolean;
}

/**
 * `current`: of this address; `other`: of the one before, while this one's is on its way; `old`: of this address, but newer
 * figures were asked for and did not come.
 */
export type Standing = "current" | "other" | "old";

export function standingOf(answer: Answer<unknown> | null, path: string | null, error: ApiError | null): Standing {
  if (!answer || path === null) return "current";
  if (answer.path !== path) return "other";
  return error ? "old" : "current";
}

/**
 * What stays on the page when a request failed: the answer of the same address, unless the server says that there is none.
 * Figures of another address would pass for those asked for.
 */
export function afterFailure<T>(answer: Answer<T> | null, path: string, error: ApiError): Answer<T> | null {
  return answer?.path === path && error.status !== 404 ? answer : null;
}

/** Answers of this visit by address: going back shows a page at once, and a fresh answer replaces it. */
const seen = new Map<string, Answer<unknown>>();
/** Enough for a walk through a fleet without holding the whole of it. */
const SEEN_MAX = 60;

function keep(answer: Answer<unknown>): void {
  seen.delete(answer.path);
  seen.set(answer.path, answer);
  if (seen.size > SEEN_MAX) seen.delete(seen.keys().next().value as string);
}

/** A failed poll is made again after this long: it spares a server that is starting. */
const AFTER_FAILURE_MS = 10_000;

/**
 * Reads `path` and again every `every(data)` milliseconds while the page is visible and not paused; null reads nothing.
 * While another address of the same hook loads, the last data stays, and `standing` says that it is of another one: a page
 * that narrows must not blink, nor show old figures as new ones.
 */
export function useApi<T>(path: (PathOf<T> & string) | null, every?: (data: T) => number | null): Loaded<T> {
  const [state, setState] = useState<{ answer: Answer<T> | null; error: ApiError | null; of: string | null }>({
    answer: null,
    error: null,
    of: path,
  });
  const interval = useRef(every);
  interval.current = every;
  /** Asks now, or, where a question is under way, once more behind it: an answer that is on its way is never given up for a newer one. */
  const ask = useRef<() => void>(() => undefined);
  const asking = useRef(false);

  useEffect(() => {
    if (path === null) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isWanted = false;
    const load = () => {
      const asked = Date.now();
      asking.current = true;
      get<T>(path, abort.signal).then(
        (data) => {
          if (abort.signal.aborted) return;
          const answer = { path, data, at: Date.now(), took: Date.now() - asked };
          keep(answer);
          renewed(path, answer.at);
          setState({ answer, error: null, of: path });
          ended(interval.current?.(data) ?? null);
        },
        (error: unknown) => {
          if (abort.signal.aborted) return;
          const known = error instanceof ApiError ? error : new ApiError(0, String(error), null);
          if (known.status === 404) seen.delete(path);
          setState((now) => ({
            answer: afterFailure(remembered(path, now.answer), path, known),
            error: known,
            of: path,
          }));
          ended(interval.current ? AFTER_FAILURE_MS : null);
        },
      );
    };
    const ended = (wait: number | null) => {
      asking.current = false;
      const isBehind = isWanted;
      isWanted = false;
      if (isBehind) load();
      else again(wait);
    };
    const again = (wait: number | null) => {
      if (wait === null) return;
      timer = setTimeout(() => (document.hidden || isPaused() ? again(wait) : load()), wait);
    };
    ask.current = () => {
      clearTimeout(timer);
      if (asking.current) isWanted = true;
      else load();
    };
    load();
    return () => {
      abort.abort();
      clearTimeout(timer);
      ask.current = () => undefined;
    };
  }, [path]);

  const reload = useCallback(() => ask.current(), []);
  const isAsking = useCallback(() => asking.current, []);
  // Worked out while drawing: the first picture of a new address already says whose figures it shows.
  const answer = path === null ? null : remembered(path, state.answer);
  const error = state.of === path ? state.error : null;
  return {
    data: answer?.data ?? null,
    error,
    standing: standingOf(answer, path, error),
    of: answer?.path ?? null,
    at: answer?.at ?? null,
    took: answer?.took ?? null,
    reload,
    isAsking,
  };
}

/** The answer of this address where this visit has one, else the one that is shown. */
function remembered<T>(path: string, shown: Answer<T> | null): Answer<T> | null {
  if (shown?.path === path) return shown;
  return (seen.get(path) as Answer<T> | undefined) ?? shown;
}
