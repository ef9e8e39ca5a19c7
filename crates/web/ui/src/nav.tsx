// Moving between views without loading the page again. The browser's history is the only state.

import { type AnchorHTMLAttributes, type MouseEvent, useSyncExternalStore } from "react";

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

/** The present address, as path and query. */
export function useAddress(): string {
  return useSyncExternalStore(subscribe, () => location.pathname + location.search);
}

/** Goes to an address of ours. A change of filters keeps the reader's place; a new page starts at its top. */
export function go(url: string, options: { replace?: boolean; keepScroll?: boolean } = {}): void {
  if (url === location.pathname + location.search) return;
  if (options.replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
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
