// Whether figures are renewed by themselves, and how old those on the page are.

import { useSyncExternalStore } from "react";

interface Live {
  paused: boolean;
  /** When the last figures came, in milliseconds of this machine's clock; the header's own status is none. */
  at: number | null;
}

let live: Live = { paused: false, at: null };
const listeners = new Set<() => void>();

function set(next: Live): void {
  live = next;
  for (const listener of listeners) listener();
}

export const isPaused = (): boolean => live.paused;
export const pause = (paused: boolean): void => set({ ...live, paused });

/** Status and labels are no figures: they come on every page, whatever it shows. */
const BESIDE = /^\/api\/v1\/(status|labels|search)\b/;

export function renewed(path: string, at: number): void {
  if (!BESIDE.test(path)) set({ ...live, at });
}

export function useLive(): Live {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => live,
  );
}
