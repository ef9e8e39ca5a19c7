// The first page: what is broken now, on how many PCs, with what cause, where.

import { useEffect, useMemo, useRef } from "react";
import type { Overview } from "../api";
import { coloursOf } from "../categories";
import { useLang } from "../i18n";
import { type Loaded, useApi } from "../load";
import { Link } from "../nav";
import { EndpointTable } from "../parts/endpoint-table";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { ColoursContext } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { type Filters, endpointsUrl, filtersOf, overviewUrl, queryOf } from "../url";
import { verdictOf } from "../verdict";
import { Causes } from "./overview-causes";
import { OverTime } from "./overview-chart";
import { Codes } from "./overview-codes";
import { Foot } from "./overview-foot";
import { Groups } from "./overview-groups";
import { Headline } from "./overview-headline";
import { Kbs } from "./overview-kbs";
import { legendOf, seriesOf } from "./overview-series";
import { Tiles } from "./overview-tiles";

/** Where the status does not say whether there is anything new, the overview is asked again this often: a failure shows within seconds. */
const POLL_MS = 5_000;

/** Where it does, this often: records that nothing failed by, and who is silent. */
const SLOW_MS = 30_000;

export function OverviewPage({ filters, derived }: { filters: Filters; derived: number | undefined }) {
  const tells = derived !== undefined;
  const loaded = useApi<Overview>(`/api/v1/overview${queryOf(filters)}`, ({ pcs }) =>
    tells && pcs.seen > 0 ? SLOW_MS : POLL_MS,
  );
  const before = useRef(derived);
  const { reload } = loaded;
  useEffect(() => {
    if (before.current !== undefined && derived !== before.current) reload();
    before.current = derived;
  }, [derived, reload]);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  if (data.pcs.seen === 0 && !data.totals.events && Object.keys(filters).length === 0) return <NoDataYet />;
  return <Shown data={data} filters={filters} loaded={loaded} />;
}

function Shown({ data, filters, loaded }: { data: Overview; filters: Filters; loaded: Loaded<Overview> }) {
  const { lang } = useLang();
  // The poll brings equal data most of the time: drawing again only when it differs keeps tooltips in place.
  const key = JSON.stringify([data.range, data.over_time, data.categories_over_time]);
  const series = useMemo(() => seriesOf(data), [key]);
  const colours = useMemo(() => coloursOf(legendOf(series)), [series]);
  // What is said of the figures is about the filters of their answer, which the address may have left behind.
  const asked = filtersOf(loaded.of?.split("?")[1] ?? "");
  const verdict = verdictOf(data, asked);
  const causeTitle = data.top_causes.find(({ id }) => id === filters.cause)?.title[lang];
  return (
    <ColoursContext.Provider value={colours}>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <Headline data={data} asked={asked} filters={filters} verdict={verdict} />
      </Held>
      <FilterBar
        filters={filters}
        range={data.range}
        today={data.now.slice(0, 10)}
        href={overviewUrl}
        causeTitle={causeTitle}
        grouped
      />
      <Held loaded={loaded}>
        {verdict.kind !== "unknown" && (
          <>
            <Tiles data={data} filters={filters} />
            <Groups data={data} asked={asked} filters={filters} />
            <div className="columns two-one">
              <OverTime series={series} range={data.range} filters={filters} colours={colours} />
              <Kbs data={data} filters={filters} />
            </div>
            <div className="columns three-two">
              <Causes data={data} filters={filters} />
              <Codes data={data} filters={filters} />
            </div>
            <Affected data={data} filters={filters} />
          </>
        )}
        <Foot data={data} asked={asked} />
      </Held>
    </ColoursContext.Provider>
  );
}

function Affected({ data, filters }: { data: Overview; filters: Filters }) {
  const { t } = useLang();
  const { failing } = data.pcs;
  const all = failing > 0 ? t.overview.showAll(failing) : t.overview.allEndpoints;
  return (
    <Panel
      title={t.overview.affected}
      hint={failing > data.endpoints.length ? t.overview.cut(data.endpoints.length, failing) : undefined}
      aside={<Link href={endpointsUrl({ filters, state: failing > 0 ? "failing" : null })}>{all}</Link>}
    >
      {data.endpoints.length > 0 ? (
        <EndpointTable rows={data.endpoints} caption={t.overview.affected} />
      ) : (
        <Empty text={t.overview.noAffected} />
      )}
    </Panel>
  );
}

/** What a newcomer sees first: how to get a first log in. */
function NoDataYet() {
  const { t } = useLang();
  return (
    <div className="welcome">
      <h1>{t.overview.empty}</h1>
      <p>{t.overview.emptyText}</p>
      <p>{t.overview.emptySend}</p>
      <pre>cbsift send PATH --endpoint NAME</pre>
      <p>{t.overview.emptySimulate}</p>
      <pre>cbsift simulate --to http://127.0.0.1:7070</pre>
    </div>
  );
}
