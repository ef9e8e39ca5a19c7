// Every endpoint, by state and by the filters of the overview, a page at a time.

import { useEffect, useState } from "react";
import type { EndpointList } from "../api";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link, go } from "../nav";
import { EndpointTable } from "../parts/endpoint-table";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { LIST_STATES, type ListView, endpointsUrl, listQuery } from "../url";

const PAGE = 50;
/** Typing pauses this long before the server is asked. */
const TYPING_MS = 200;

export function EndpointsPage({ view }: { view: ListView }) {
  const { t, lang } = useLang();
  const loaded = useApi<EndpointList>(`/api/v1/endpoints${listQuery(view, PAGE)}`);
  const { data, error } = loaded;
  // Another list begins at its beginning.
  const other = (change: Partial<ListView>) => endpointsUrl({ ...view, after: "", before: 0, ...change });
  const titled = data?.endpoints.find(({ cause }) => cause === view.filters.cause);
  return (
    <>
      <div className="page-head">
        <h1>{t.endpoints.title}</h1>
      </div>
      <Standing loaded={loaded} />
      <FilterBar
        filters={view.filters}
        range={data?.range ?? { from: "", to: "" }}
        today={new Date().toISOString().slice(0, 10)}
        href={(filters) => other({ filters })}
        causeTitle={titled?.title?.[lang]}
      />
      <div className="filters">
        <Search view={view} />
        <States view={view} href={(state) => other({ state })} />
      </div>
      {!data ? (
        error ? (
          <Failed error={error} onRetry={loaded.reload} />
        ) : (
          <Skeleton lines={8} />
        )
      ) : (
        <Held loaded={loaded}>
          <Panel
            title={data.total === null ? t.endpoints.title : t.endpoints.total(data.total)}
            hint={data.range && t.endpoints.days(data.range.from, data.range.to)}
            aside={
              <a
                href={`/api/v1/endpoints.csv${listQuery({ ...view, after: "" })}`}
                download="endpoints.csv"
                title={t.endpoints.csvMax}
              >
                {t.endpoints.csv}
              </a>
            }
          >
            {data.endpoints.length === 0 ? (
              <Empty text={view.q ? t.common.both(t.endpoints.none, t.endpoints.noneHint) : t.endpoints.none} />
            ) : (
              <EndpointTable
                rows={data.endpoints}
                caption={t.endpoints.title}
                sorting={{ by: view.sort, href: (sort) => other({ sort }) }}
              />
            )}
            <Pages view={view} data={data} />
          </Panel>
        </Held>
      )}
    </>
  );
}

function Search({ view }: { view: ListView }) {
  const { t } = useLang();
  const { q } = view;
  const [typed, setTyped] = useState(q);
  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return;
    const url = endpointsUrl({ ...view, q: typed, after: "", before: 0 });
    const timer = setTimeout(() => go(url, { replace: true, keepScroll: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed, q, view]);
  return (
    <input
      type="search"
      className="field"
      value={typed}
      onChange={(event) => setTyped(event.target.value)}
      placeholder={t.endpoints.search}
      aria-label={t.endpoints.search}
      spellCheck={false}
    />
  );
}

function States({ view, href }: { view: ListView; href: (state: ListView["state"]) => string }) {
  const { t } = useLang();
  return (
    <nav className="tabs" aria-label={t.endpoints.states}>
      {[null, ...LIST_STATES].map((state) => (
        <Link key={state ?? ""} href={href(state)} keepScroll aria-current={view.state === state ? "true" : undefined}>
          {state === null ? t.endpoints.all : t.states[state]}
        </Link>
      ))}
    </nav>
  );
}

/** The way through a list that is longer than a page; the browser's way back leads to the page before. */
function Pages({ view, data }: { view: ListView; data: EndpointList }) {
  const { t } = useLang();
  if (!view.after && data.next === null) return null;
  const before = view.after ? view.before : 0;
  const rows = data.endpoints.length;
  return (
    <nav className="pager" aria-label={t.endpoints.pages}>
      {view.after && (
        <Link className="button" href={endpointsUrl({ ...view, after: "", before: 0 })}>
          ↑ {t.endpoints.firstPage}
        </Link>
      )}
      {rows > 0 && (
        <span role="status">{t.endpoints.page(before + 1, before + rows, data.total ?? before + rows)}</span>
      )}
      {data.next !== null && (
        <Link className="button" href={endpointsUrl({ ...view, after: data.next, before: before + rows })}>
          {t.endpoints.nextPage} →
        </Link>
      )}
    </nav>
  );
}
