// Every endpoint, by state and by the filters of the overview, a page at a time.

import type { EndpointList } from "../api";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { EndpointTable } from "../parts/endpoint-table";
import { Files } from "../parts/files";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { Pages, TypedSearch } from "../parts/list-tools";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { LIST_STATES, type ListView, endpointsUrl, listQuery } from "../url";

const PAGE = 50;

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
        range={data?.range}
        href={(filters) => other({ filters })}
        causeTitle={titled?.title?.[lang]}
      />
      <div className="filters">
        <TypedSearch q={view.q} label={t.endpoints.search} href={(q) => other({ q })} />
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
            aside={<Files path="endpoints" query={listQuery({ ...view, after: "" })} />}
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
            <Pages
              after={view.after}
              before={view.before}
              rows={data.endpoints.length}
              total={data.total}
              next={data.next}
              href={(place) => endpointsUrl({ ...view, ...place })}
              said={t.endpoints.page}
            />
          </Panel>
        </Held>
      )}
    </>
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
