// Hears when something was derived or labelled, so that an open page shows it without asking every moment.

import { useEffect, useRef } from "react";
import type { Changed } from "./api";
import { isPaused } from "./live";
import { type Loaded, get } from "./load";

/** A page that nobody sees, or that is paused, looks this often whether it is seen again. */
const UNSEEN_MS = 1_000;

/** Between two answers that say the same: a server that is ending answers at once. */
const PAUSE_MS = 250;

/** After a failure; and after an answer that says something new, if the status does not bring it before. */
const LATER_MS = 10_000;

/** Calls `changed` when the server knows another mark than `derived`. */
export function useChanges(derived: number | undefined, changed: () => void): void {
  useEffect(() => {
    if (derived === undefined) return;
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const later = (ms: number) => {
      if (!abort.signal.aborted) timer = setTimeout(wait, ms);
    };
    const wait = () => {
      if (document.hidden || isPaused()) return later(UNSEEN_MS);
      get<Changed>(`/api/v1/changes?since=${derived}`, abort.signal).then(
        (now) => {
          if (abort.signal.aborted) return;
          if (now.derived === derived) return later(PAUSE_MS);
          changed();
          later(LATER_MS);
        },
        () => later(LATER_MS),
      );
    };
    wait();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [derived, changed]);
}

/** A page rests so many times as long as its answer took before it asks again: what is open costs some 3 % of a core at most. */
const REST = 30;

/** The rest after an answer that took so long, in milliseconds. */
export const restAfter = (tookMs: number): number => Math.min(30_000, Math.max(1_000, REST * tookMs));

/** Reads a page's figures again when something was derived, as soon as it has rested. */
export function useRenewal(derived: number | undefined, loaded: Loaded<unknown>): void {
  const before = useRef(derived);
  const last = useRef({ at: 0, took: 0 });
  last.current = { at: loaded.at ?? 0, took: loaded.took ?? 0 };
  const { reload, isAsking } = loaded;
  useEffect(() => {
    const isKnown = before.current !== undefined;
    if (!isKnown || derived === before.current) {
      before.current = derived;
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const renew = () => {
      const { at, took } = last.current;
      const rest = at + restAfter(took) - Date.now();
      // An answer that is on its way is waited for, and rested after.
      if (rest > 0 || isAsking()) timer = setTimeout(renew, Math.max(rest, PAUSE_MS));
      else {
        before.current = derived;
        reload();
      }
    };
    renew();
    return () => clearTimeout(timer);
  }, [derived, reload, isAsking]);
}
