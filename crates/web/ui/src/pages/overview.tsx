// The first page: what is broken now, on how many PCs, with what cause, where.

import { useMemo } from "react";
import type { Overview } from "../api";
import { coloursOf } from "../categories";
import { useRenewal } from "../changes";
import { useLang } from "../i18n";
import { type Loaded, useApi } from "../load";
import { Link } from "../nav";
import { CauseRows } from "../parts/cause-row";
import { FilterBar } from "../parts/filter-bar";
import { Groups } from "../parts/groups";
import { Held, Standing } from "../parts/held";
import { ColoursContext } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { UpdateRows } from "../parts/update-row";
import { type Filters, filtersOf, overviewUrl, queryOf, sectionUrl } from "../url";
import { verdictOf } from "../verdict";
import { OverTime } from "./overview-chart";
import { Headline } from "./overview-headline";
import { legendOf, seriesOf } from "./overview-series";
import { Tiles } from "./overview-tiles";

/** Where the status does not say whether there is anything new, the overview is asked again this often: a failure shows within seconds. */
const POLL_MS = 5_000;

/** Where it does, this often: records that nothing failed by, and who is silent. */
const SLOW_MS = 30_000;

/** Causes and updates of the first page: what is acted on in a morning. The whole lists are a click away. */
const SHOWN = 8;

export function OverviewPage({ filters, derived }: { filters: Filters; derived: number | undefined }) {
  const tells = derived !== undefined;
  const loaded = useApi<Overview>(`/api/v1/overview${queryOf(filters)}`, ({ pcs }) =>
    tells && pcs.seen > 0 ? SLOW_MS : POLL_MS,
  );
  useRenewal(derived, loaded);
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
            <Groups data={data} asked={asked} filters={filters} href={overviewUrl} />
            <div className="columns three-two">
              <Causes data={data} filters={filters} />
              <Updates data={data} filters={filters} />
            </div>
            <OverTime series={series} range={data.range} marks={data.marks} filters={filters} colours={colours} />
          </>
        )}
      </Held>
    </ColoursContext.Provider>
  );
}

/** What to act on: causes that hold up PCs now. Of those that are over, their own page tells. */
function Causes({ data, filters }: { data: Overview; filters: Filters }) {
  const { t } = useLang();
  const now = data.top_causes.filter(({ pcs_now: pcs }) => pcs > 0).slice(0, SHOWN);
  return (
    <Panel
      title={t.overview.causes}
      hint={t.overview.causesHint}
      aside={<Link href={sectionUrl("causes", { filters })}>{t.causes.total(data.causes_total)}</Link>}
      className="act-on"
    >
      {now.length === 0 && <Empty text={t.overview.noneNow} />}
      <CauseRows causes={now} filters={filters} />
    </Panel>
  );
}

function Updates({ data, filters }: { data: Overview; filters: Filters }) {
  const { t } = useLang();
  return (
    <Panel
      title={t.overview.kbs}
      hint={t.overview.kbsHint}
      aside={<Link href={sectionUrl("updates", { filters })}>{t.updates.total(data.kbs_total)}</Link>}
      className="kbs-panel"
    >
      {data.kbs.length === 0 ? (
        <Empty text={t.overview.noKbs} />
      ) : (
        <UpdateRows updates={data.kbs.slice(0, SHOWN)} filters={filters} />
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
