// Moving between views without loading the page again. The browser's history is the only state; what a reader left on a view, its
// scroll and the lists they opened, is kept beside its entry for as long as the tab is open.

import { type AnchorHTMLAttributes, type MouseEvent, useCallback, useState, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The present address, as path and query. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

/** What an entry of the history was left with. */
interface Left {
  y: number;
  kept: Record<string, unknown>;
}

const LEFT = "left";
/** More views than anybody walks back through. */
const LEFT_MAX = 100;
const left = new Map<string, Left>(restored());
// A page that was opened by its address has a place of its own, however often its tab was used before.
let entry = entryOf(history.state);
history.replaceState({ entry }, "");

history.scrollRestoration = "manual";
addEventListener("popstate", (event) => {
  leave();
  entry = entryOf(event.state);
  for (const listener of listeners) listener();
  scrollBack(left.get(entry)?.y ?? 0);
});
addEventListener("pagehide", () => {
  leave();
  try {
    sessionStorage.setItem(LEFT, JSON.stringify([...left]));
  } catch {
    // Storage may be denied or full; the places then last as long as the page.
  }
});
if (left.has(entry)) scrollBack(left.get(entry)!.y);

function entryOf(state: unknown): string {
  const known = (state as { entry?: unknown } | null)?.entry;
  return typeof known === "string" ? known : fresh();
}

function fresh(): string {
  return crypto.getRandomValues(new Uint32Array(2)).join("-");
}

function leave(): void {
  const now = left.get(entry) ?? { y: 0, kept: {} };
  left.delete(entry);
  left.set(entry, { ...now, y: scrollY });
  if (left.size > LEFT_MAX) left.delete(left.keys().next().value as string);
}

function restored(): [string, Left][] {
  try {
    const rows: unknown = JSON.parse(sessionStorage.getItem(LEFT) ?? "[]");
    return Array.isArray(rows) ? (rows as [string, Left][]) : [];
  } catch {
    return [];
  }
}

/** A view that is drawn again may be short until its answer has come; waiting longer would pull at a reader who scrolls. */
const BACK_MS = 3_000;
/** Drawings in a row that stay where they are: nothing more comes above. */
const BACK_STEADY = 30;

/** Scrolls to where a view was left, as soon as it is long enough for it, unless the reader moves first. */
function scrollBack(y: number): void {
  scrollTo(0, y);
  const until = performance.now() + BACK_MS;
  let over = false;
  const stop = () => (over = true);
  for (const sign of ["wheel", "touchstart", "keydown", "pointerdown"])
    addEventListener(sign, stop, { once: true, passive: true });
  const at = entry;
  let steady = 0;
  const step = () => {
    if (over || at !== entry || performance.now() > until || steady > BACK_STEADY) return;
    steady = Math.abs(scrollY - y) > 1 ? 0 : steady + 1;
    if (steady === 0) scrollTo(0, y);
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
}

/** State of a view that going back finds as it was left. */
export function useKept<T>(name: string, initial: T): [T, (value: T) => void] {
  const [value, setValue] = useState<T>(() => (left.get(entry)?.kept[name] as T | undefined) ?? initial);
  const keep = useCallback(
    (next: T) => {
      const now = left.get(entry) ?? { y: 0, kept: {} };
      left.set(entry, { ...now, kept: { ...now.kept, [name]: next } });
      setValue(next);
    },
    [name],
  );
  return [value, keep];
}

/** Goes to an address of ours. A change of filters keeps the reader's place; a new page starts at its top. */
export function go(url: string, options: { replace?: boolean; keepScroll?: boolean } = {}): void {
  if (url === location.pathname + location.search) return;
  if (options.replace) history.replaceState({ entry }, "", url);
  else {
    leave();
    entry = fresh();
    history.pushState({ entry }, "", url);
  }
  if (!options.keepScroll) scrollTo(0, 0);
  for (const listener of listeners) listener();
}

type LinkProps = AnchorHTMLAttributes<HTMLAnchorElement> & { href: string; keepScroll?: boolean };

/** A real link, so that opening in a new tab, copying and middle clicks work. */
export function Link({ href, keepScroll, onClick, ...rest }: LinkProps) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    ) {
      return;
    }
    event.preventDefault();
    go(href, { keepScroll: keepScroll ?? false });
  };
  return <a href={href} onClick={follow} {...rest} />;
}
