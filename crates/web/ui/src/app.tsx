// The frame around every page: language, header, search, status, and which page an address shows.

import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Status } from "./api";
import { LangContext, MESSAGES, type Lang, pickLang, useLang } from "./i18n";
import { type Loaded, useApi } from "./load";
import { Link, go, useAddress } from "./nav";
import { CodePage } from "./pages/code";
import { EndpointPage } from "./pages/endpoint";
import { EndpointsPage } from "./pages/endpoints";
import { OverviewPage } from "./pages/overview";
import { RecordsPage } from "./pages/records";
import { TipLayer } from "./parts/code";
import { StatusLine } from "./parts/status-line";
import { Note } from "./parts/states";
import { type Route, endpointsUrl, overviewUrl, queryOf, routeOf, searchUrl } from "./url";
import { visible } from "./visible";

/** How cbsift itself fares is asked this often on every page: an answer costs next to nothing. */
const POLL_MS = 5_000;

export function App() {
  const [lang, setLang] = useState<Lang>(() => pickLang(location.search, stored(), navigator.languages));
  const address = useAddress();
  const [pathname, search] = split(address);
  const route = routeOf(pathname, search);

  // The way back to the overview leads to what was last seen there.
  const lastFilters = useRef("");
  if (route.page === "overview") lastFilters.current = queryOf(route.filters);
  const status = useApi<Status>("/api/v1/status", () => POLL_MS);

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
      <Header route={route} status={status} home={`/${lastFilters.current}`} onToggle={toggle} />
      {status.data?.disk.full && (
        <div className="banner" role="status">
          <strong>{status.data.disk.file_system_full ? t.status.fileSystemFull : t.status.full}</strong>{" "}
          {status.data.disk.file_system_full ? t.status.fileSystemFullHint : t.status.fullHint}
        </div>
      )}
      <main id="main" tabIndex={-1}>
        {route.page === "overview" && <OverviewPage filters={route.filters} derived={status.data?.derived} />}
        {route.page === "endpoints" && <EndpointsPage view={route.view} />}
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

function Header(props: { route: Route; status: Loaded<Status>; home: string; onToggle: () => void }) {
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
        <Link href={endpointsUrl()} aria-current={at("endpoints")}>
          {t.nav.endpoints}
        </Link>
      </nav>
      <Search />
      <StatusLine loaded={props.status} />
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
