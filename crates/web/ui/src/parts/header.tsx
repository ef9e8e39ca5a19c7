// The frame's head: where one can go, the search, how old the figures are, the language.

import type { Status } from "../api";
import { clock } from "../format";
import { tagOf, useLang } from "../i18n";
import { pause, useLive } from "../live";
import type { Loaded } from "../load";
import { Link } from "../nav";
import { readsAudit, seesText } from "../roles";
import type { Route } from "../url";
import { SearchBox } from "./search-box";
import { StatusLine } from "./status-line";

/** The pages of the head, and which other pages stand under each. */
const PLACES: { place: Place; href: string; pages: Route["page"][] }[] = [
  { place: "overview", href: "/", pages: ["overview"] },
  { place: "updates", href: "/updates", pages: ["updates", "update"] },
  { place: "causes", href: "/causes", pages: ["causes", "cause", "code"] },
  { place: "endpoints", href: "/endpoints", pages: ["endpoints", "endpoint", "attempt", "records", "report"] },
  { place: "unexplained", href: "/unexplained", pages: ["unexplained"] },
  { place: "coverage", href: "/coverage", pages: ["coverage"] },
  { place: "alerts", href: "/alerts", pages: ["alerts"] },
  { place: "system", href: "/system", pages: ["system"] },
  { place: "audit", href: "/audit", pages: ["audit"] },
];
type Place =
  "overview" | "updates" | "causes" | "endpoints" | "unexplained" | "coverage" | "alerts" | "system" | "audit";

/** Pages that the reader's role shows. */
const isFor = (role: string | null, place: Place): boolean =>
  place === "audit" ? readsAudit(role) : place !== "unexplained" || seesText(role);

export function Header(props: {
  route: Route;
  status: Loaded<Status>;
  /** Today as it was narrowed last. */
  home: string;
  onToggle: () => void;
}) {
  const { lang, t } = useLang();
  const { page } = props.route;
  const trouble = props.status.data?.trouble ?? 0;
  const role = props.status.data?.role ?? null;
  return (
    <header className="top">
      <Link href="/" className="brand" aria-label={`cbsift, ${t.nav.overview}`}>
        <Mark /> cbsift
      </Link>
      <nav aria-label={t.nav.main}>
        {PLACES.filter(({ place }) => isFor(role, place)).map(({ place, href, pages }) => (
          <Link
            key={place}
            href={place === "overview" ? props.home : href}
            aria-current={page === place ? "page" : pages.includes(page) ? "true" : undefined}
            title={place === "system" && trouble > 0 ? t.nav.trouble(trouble) : undefined}
          >
            {t.nav[place]}
            {place === "system" && trouble > 0 && (
              <span className="trouble-dot">
                <span className="sr"> {t.nav.trouble(trouble)}</span>
              </span>
            )}
          </Link>
        ))}
      </nav>
      <SearchBox />
      <StatusLine loaded={props.status} />
      <Pause />
      <button
        type="button"
        className="lang"
        onClick={props.onToggle}
        lang={tagOf(lang === "en" ? "zh" : "en")}
        title={t.otherHint}
      >
        {t.other}
      </button>
    </header>
  );
}

/** How old the figures are, and the button that keeps them as they are. */
function Pause() {
  const { t } = useLang();
  const { paused, at } = useLive();
  return (
    <button
      type="button"
      className="pause"
      aria-pressed={paused}
      onClick={() => pause(!paused)}
      title={t.live.pauseHint}
    >
      <svg viewBox="0 0 12 12" width="10" height="10" aria-hidden="true">
        <path d={paused ? "M2 1l9 5-9 5z" : "M2 1h3v10H2zM7 1h3v10H7z"} fill="currentColor" />
      </svg>
      <span className="sr">{t.live.pause} </span>
      {at !== null && (
        <span className="age">
          {paused ? `${t.live.paused} · ${clock(at, Date.now())}` : t.live.asOf(clock(at, Date.now()))}
        </span>
      )}
    </button>
  );
}

/** Lines going through a sieve; one is left. */
function Mark() {
  return (
    <svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
      <rect width="24" height="24" rx="5" className="mark-ground" />
      <path d="M5 6h14M7 10.5h10M9.5 15h5" className="mark-lines" />
      <circle cx="12" cy="19" r="1.7" className="mark-find" />
    </svg>
  );
}
