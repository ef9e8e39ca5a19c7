// What every long list has: a search as one types, and the way through its pages.

import { useEffect, useState } from "react";
import { useLang } from "../i18n";
import { Link, go } from "../nav";

/** Typing pauses this long before the server is asked. */
const TYPING_MS = 200;

export function TypedSearch(props: { q: string; label: string; href: (q: string) => string }) {
  const { q, href, label } = props;
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return;
    const timer = setTimeout(() => go(href(typed), { replace: true, keepScroll: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, q, href]);
  return (
    <input
      type="search"
      className="field"
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      placeholder={label}
      aria-label={label}
      spellCheck={false}
    />
  );
}

/** Where a page of a list stands; the browser's way back leads to the page before. */
export function Pages(props: {
  after: string;
  before: number;
  rows: number;
  /** Null where the server does not say. */
  total: number | null;
  next: string | null;
  href: (place: { after: string; before: number }) => string;
  said: (first: number, last: number, total: number) => string;
}) {
  const { t } = useLang();
  const { after, rows, next, href } = props;
  if (!after && next === null) return null;
  const before = after ? props.before : 0;
  return (
    <nav className="pager" aria-label={t.endpoints.pages}>
      {after && (
        <Link className="button" href={href({ after: "", before: 0 })}>
          ↑ {t.endpoints.firstPage}
        </Link>
      )}
      {rows > 0 && <span role="status">{props.said(before + 1, before + rows, props.total ?? before + rows)}</span>}
      {next !== null && (
        <Link className="button" href={href({ after: next, before: before + rows })}>
          {t.endpoints.nextPage} →
        </Link>
      )}
    </nav>
  );
}
