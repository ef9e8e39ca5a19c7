// The frame around every page: language, header, search, status, and which page an address shows.

import { type FormEvent, useEffect, useRef, useState } from "react";
import { type ApiError, type Overview, useApi } from "./api";
import { bytes } from "./format";
import { LangContext, MESSAGES, type Lang, pickLang, useLang } from "./i18n";
import { Link, go, useAddress } from "./nav";
import { CodePage } from "./pages/code";
import { EndpointPage } from "./pages/endpoint";
import { EndpointsPage } from "./pages/endpoints";
import { OverviewPage } from "./pages/overview";
import { RecordsPage } from "./pages/records";
import { TipLayer } from "./parts/code";
import { Note } from "./parts/states";
import { type Route, endpointsUrl, overviewUrl, queryOf, routeOf, searchUrl } from "./url";
import { visible } from "./visible";

/** The overview is asked again this often: a failure shows within seconds (DESIGN.md, 5 s) without a server push. */
const POLL_MS = 5_000;

export function App() {
  const [lang, setLang] = useState<Lang>(() => pickLang(location.search, stored(), navigator.languages));
  const address = useAddress();
  const [pathname, search] = split(address);
  const route = routeOf(pathname, search);

  // The header's status and the overview read the same answer, so that a page never shows two states.
  const lastFilters = useRef("");
  if (route.page === "overview") lastFilters.current = queryOf(route.filters);
  const overview = useApi<Overview>(`/api/v1/overview${lastFilters.current}`, () => POLL_MS);

  useEffect(() => {
    document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  }, [lang]);
  const t = MESSAGES[lang];
  useEffect(() => {
    document.title = titleOf(route, t);
  });

  const toggle = () => {
    const next: Lang = lang === "en" ? "zh" : "en";
    try {
      localStorage.setItem("lang", next);
    } catch {
      // Storage may be denied; the choice then lasts as long as the page.
    }
    // The address would win over the choice at the next load.
    const query = new URLSearchParams(location.search);
    if (query.has("lang")) {
      query.delete("lang");
      const rest = query.toString();
      go(location.pathname + (rest ? `?${rest}` : ""), { replace: true, keepScroll: true });
    }
    setLang(next);
  };

  return (
    <LangContext.Provider value={lang}>
      <a className="skip" href="#main">
        {t.skip}
      </a>
      <Header
        route={route}
        overview={overview.data}
        error={overview.error}
        home={`/${lastFilters.current}`}
        onToggle={toggle}
      />
      {overview.data?.disk.full && (
        <div className="banner" role="status">
          <strong>{overview.data.disk.file_system_full ? t.status.fileSystemFull : t.status.full}</strong>{" "}
          {overview.data.disk.file_system_full ? t.status.fileSystemFullHint : t.status.fullHint}
        </div>
      )}
      <main id="main" tabIndex={-1}>
        {route.page === "overview" && <OverviewPage filters={route.filters} loaded={overview} />}
        {route.page === "endpoints" && <EndpointsPage q={route.q} failing={route.failing} labels={route.labels} />}
        {route.page === "endpoint" && <EndpointPage key={route.id} id={route.id} places={route.places} />}
        {route.page === "records" && (
          <RecordsPage
            key={`${route.id} ${route.stream} ${route.offset}`}
            id={route.id}
            stream={route.stream}
            offset={route.offset}
          />
        )}
        {route.page === "code" && <CodePage key={route.code} code={route.code} />}
        {route.page === "unknown" && (
          <Note title={t.common.notFound} text={t.common.notFoundHint}>
            <Link href="/">{t.common.toOverview}</Link>
          </Note>
        )}
      </main>
      <TipLayer />
    </LangContext.Provider>
  );
}

function Header(props: {
  route: Route;
  overview: Overview | null;
  error: ApiError | null;
  home: string;
  onToggle: () => void;
}) {
  const { t } = useLang();
  const { route } = props;
  const at = (page: Route["page"]) => (route.page === page ? "page" : undefined);
  return (
    <header className="top">
      <Link href={overviewUrl()} className="brand" aria-label={`cbsift, ${t.nav.overview}`}>
        <Mark /> cbsift
      </Link>
      <nav aria-label={t.nav.main}>
        <Link href={props.home} aria-current={at("overview")}>
          {t.nav.overview}
        </Link>
        <Link href={endpointsUrl("", false)} aria-current={at("endpoints")}>
          {t.nav.endpoints}
        </Link>
      </nav>
      <Search />
      <Status overview={props.overview} error={props.error} />
      <button
        type="button"
        className="lang"
        onClick={props.onToggle}
        lang={t.other === "中文" ? "zh-CN" : "en"}
        title={t.otherHint}
      >
        {t.other}
      </button>
    </header>
  );
}

function Search() {
  const { t } = useLang();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // The key that people of other dashboards reach for.
    const focus = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(input|textarea|select)$/i.test(target.tagName))
        return;
      event.preventDefault();
      input.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const text = input.current?.value.trim() ?? "";
    if (!text) return;
    go(searchUrl(text));
    if (input.current) input.current.value = "";
    input.current?.blur();
  };
  return (
    <form className="search" role="search" onSubmit={submit}>
      <input
        ref={input}
        type="search"
        name="q"
        aria-label={t.search.label}
        placeholder={t.search.placeholder}
        autoComplete="off"
        spellCheck={false}
      />
      <kbd aria-hidden="true">/</kbd>
    </form>
  );
}

/** Whether the figures are complete, and how much disk is used. */
function Status({ overview, error }: { overview: Overview | null; error: ApiError | null }) {
  const { lang, t } = useLang();
  if (error?.status === 0) {
    return (
      <p className="status bad" role="status">
        <span className="dot" /> {t.status.unreachable}
      </p>
    );
  }
  if (!overview) return <p className="status" />;
  const { used_bytes, max_bytes } = overview.disk;
  const pending = overview.pending_units > 0;
  return (
    <p className={`status ${pending ? "busy" : "good"}`} title={pending ? t.status.pendingHint : undefined}>
      <span className="dot" />
      <span>{pending ? t.status.pending(overview.pending_units) : t.status.upToDate}</span>
      {max_bytes > 0 && (
        <span className="disk">
          {t.status.disk(bytes(lang, used_bytes), bytes(lang, max_bytes))}
          <meter
            min={0}
            max={max_bytes}
            high={max_bytes * 0.9}
            value={Math.min(used_bytes, max_bytes)}
            aria-label={t.status.disk(bytes(lang, used_bytes), bytes(lang, max_bytes))}
          />
        </span>
      )}
    </p>
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

function titleOf(route: Route, t: (typeof MESSAGES)[Lang]): string {
  switch (route.page) {
    case "overview":
      return `${t.nav.overview} · cbsift`;
    case "endpoints":
      return `${t.nav.endpoints} · cbsift`;
    case "endpoint":
      return `${visible(route.id)} · cbsift`;
    case "records":
      return `${t.records.title} · ${visible(route.id)} · cbsift`;
    case "code":
      return `${visible(route.code)} · cbsift`;
    default:
      return "cbsift";
  }
}

function split(address: string): [string, string] {
  const at = address.indexOf("?");
  return at < 0 ? [address, ""] : [address.slice(0, at), address.slice(at)];
}

function stored(): string | null {
  try {
    return localStorage.getItem("lang");
  } catch {
    return null;
  }
}
