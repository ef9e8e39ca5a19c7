// The frame around every page: language, head, and which page an address shows.

import { Suspense, useEffect, useRef, useState } from "react";
import type { Status } from "./api";
import { LangContext, MESSAGES, type Lang, pickLang, tagOf, useLang } from "./i18n";
import { useChanges } from "./changes";
import { useApi } from "./load";
import { Link, go, useAddress } from "./nav";
import {
  AlertsPage,
  AttemptPage,
  AuditPage,
  CausePage,
  CausesPage,
  CodePage,
  CoveragePage,
  EndpointPage,
  EndpointsPage,
  OverviewPage,
  RecordsPage,
  ReportPage,
  SearchPage,
  SystemPage,
  UnexplainedPage,
  UpdatePage,
  UpdatesPage,
} from "./lazy-pages";
import { Broken } from "./parts/broken";
import { TipLayer } from "./parts/code";
import { Header } from "./parts/header";
import { Note, Skeleton } from "./parts/states";
import { RoleContext } from "./roles";
import { type Route, queryOf, routeOf } from "./url";
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
  useChanges(status.data?.derived, status.reload);

  useEffect(() => {
    document.documentElement.lang = tagOf(lang);
  }, [lang]);
  const t = MESSAGES[lang];
  // A screen on a wall shows figures only; it stays so while the tab is open, whatever is followed.
  useEffect(() => {
    if (new URLSearchParams(location.search).get("kiosk") === "1") document.documentElement.classList.add("kiosk");
  }, []);
  // Another page is read from its beginning, by those who hear it too; one that only narrows keeps the reader's place.
  const shown = useRef(pathname);
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    document.getElementById("main")?.focus({ preventScroll: true });
  }, [pathname]);
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
        {/* A page whose script is on its way; the address and the head are its own already, so nothing of the one before may stay. */}
        <Broken key={route.page}>
          <Suspense fallback={<Skeleton lines={9} />}>
            <RoleContext.Provider value={status.data?.role ?? null}>
              <Page route={route} derived={status.data?.derived} />
            </RoleContext.Provider>
          </Suspense>
        </Broken>
      </main>
      <TipLayer />
    </LangContext.Provider>
  );
}

function Page({ route, derived }: { route: Route; derived: number | undefined }) {
  const { t } = useLang();
  switch (route.page) {
    case "overview":
      return <OverviewPage filters={route.filters} derived={derived} />;
    case "updates":
      return <UpdatesPage view={route.view} />;
    case "update":
      return <UpdatePage key={route.kb} kb={route.kb} filters={route.filters} />;
    case "causes":
      return <CausesPage view={route.view} />;
    case "cause":
      return <CausePage key={route.id} id={route.id} filters={route.filters} />;
    case "endpoints":
      return <EndpointsPage view={route.view} />;
    case "endpoint":
      return <EndpointPage key={route.id} id={route.id} places={route.places} derived={derived} />;
    case "attempt":
      return <AttemptPage key={`${route.id} ${route.attempt}`} id={route.id} attempt={route.attempt} />;
    case "report":
      return <ReportPage key={`${route.id} ${route.attempt}`} id={route.id} attempt={route.attempt} />;
    case "records":
      return (
        <RecordsPage
          key={`${route.id} ${route.stream} ${route.offset}`}
          id={route.id}
          stream={route.stream}
          offset={route.offset}
        />
      );
    case "code":
      return <CodePage key={route.code} code={route.code} />;
    case "search":
      return <SearchPage q={route.q} />;
    case "unexplained":
      return <UnexplainedPage filters={route.filters} />;
    case "coverage":
      return <CoveragePage filters={route.filters} />;
    case "alerts":
      return <AlertsPage />;
    case "system":
      return <SystemPage />;
    case "audit":
      return <AuditPage key={route.after} after={route.after} />;
    case "unknown":
      return (
        <Note title={t.common.notFound} text={t.common.notFoundHint}>
          <Link href="/">{t.common.toOverview}</Link>
        </Note>
      );
  }
}

function titleOf(route: Route, t: (typeof MESSAGES)[Lang]): string {
  const said = wordsOf(route, t);
  return said === "" ? "cbsift" : `${visible(said)} · cbsift`;
}

function wordsOf(route: Route, t: (typeof MESSAGES)[Lang]): string {
  switch (route.page) {
    case "unknown":
      return "";
    case "endpoint":
      return route.id;
    case "attempt":
      return `${t.attempt.title} · ${route.id}`;
    case "report":
      return `${t.report.title} · ${route.id}`;
    case "records":
      return `${t.records.title} · ${route.id}`;
    case "update":
      return route.kb;
    case "cause":
      return route.id;
    case "code":
      return route.code;
    case "search":
      return route.q ? t.search.results(route.q) : t.search.title;
    default:
      return t.nav[route.page];
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
