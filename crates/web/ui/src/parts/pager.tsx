// The way through a list that is longer than an answer. It stands above its list, where it stays while the rows below it change.

import type { Page } from "../api";
import { useLang } from "../i18n";
import { Link } from "../nav";

export function Pager(props: {
  page: Page;
  /** Rows of this page. */
  rows: number;
  /** What the list is of. */
  label: string;
  /** The address of the page that starts at a place; an empty place is the first page. */
  href: (place: string) => string;
}) {
  const { t } = useLang();
  const { page, rows, href } = props;
  if (page.previous === null && page.next === null) return null;
  return (
    <nav className="pager" aria-label={t.pager.label(props.label)}>
      <Step place={page.previous} href={href} text={`← ${t.pager.previous}`} />
      <span role="status">{t.pager.shown(page.before + 1, page.before + rows, page.total)}</span>
      <Step place={page.next} href={href} text={`${t.pager.next} →`} />
    </nav>
  );
}

/** One element whether it leads somewhere or not, so that the keyboard's place is kept at either end of the list. */
function Step({ place, href, text }: { place: string | null; href: (place: string) => string; text: string }) {
  const here = location.pathname + location.search;
  return (
    <Link
      className="button"
      href={place === null ? here : href(place)}
      keepScroll
      aria-disabled={place === null}
      onClick={(event) => place === null && event.preventDefault()}
    >
      {text}
    </Link>
  );
}
