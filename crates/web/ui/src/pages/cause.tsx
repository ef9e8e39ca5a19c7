// One cause: what it means, what to do, a case of it, and what the PCs that fail by it have in common.

import type { CauseDetail, EndpointList } from "../api";
import { count } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { Advice } from "../parts/advice";
import { AlertRule } from "../parts/alert-rule";
import { CauseStateTag } from "../parts/cause-row";
import { Code } from "../parts/code";
import { Bars } from "../parts/days";
import { EndpointTable } from "../parts/endpoint-table";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { useShown } from "../parts/shown";
import { Category, Copy } from "../parts/small";
import { Empty, Failed, Note, Panel, Skeleton } from "../parts/states";
import { type Filters, causeUrl, endpointUrl, endpointsUrl, listQuery, sectionUrl, updateUrl } from "../url";
import { Common } from "./cause-common";
import { Evidence } from "./endpoint-cause";

const POLL_MS = 30_000;
/** PCs that the page itself lists; all are a click away. */
const LISTED = 10;

export function CausePage({ id, filters }: { id: string; filters: Filters }) {
  const { t } = useLang();
  const loaded = useApi<CauseDetail>(`/api/v1${causeUrl(id, filters)}`, () => POLL_MS);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  const bar = <FilterBar filters={filters} range={data.range} href={(next) => causeUrl(id, next)} />;
  if (!data.known) {
    return (
      <>
        {bar}
        <Note title={t.cause.unknown} text={t.cause.unknownHint}>
          <p className="mono wrap">
            <LogText text={id} />
          </p>
          <Link href={sectionUrl("causes", { filters })}>{t.causes.title}</Link>
        </Note>
      </>
    );
  }
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <Head data={data} />
      </Held>
      {bar}
      <Held loaded={loaded}>
        <div className="columns endpoint-columns">
          <div className="stack">
            <Meaning data={data} />
            <OverTime data={data} />
            <Sample data={data} />
          </div>
          <div className="stack">
            <Common data={data} filters={filters} />
            <Objects data={data} />
            <Updates data={data} filters={filters} />
          </div>
        </div>
        <Pcs data={data} filters={filters} />
        <Twins data={data} />
      </Held>
    </>
  );
}

function Head({ data }: { data: CauseDetail }) {
  const { lang, t } = useLang();
  return (
    <div className={`headline ${data.pcs_now > 0 ? "bad" : "neutral"}`}>
      <p className="trail">
        <Link href={sectionUrl("causes")}>{t.causes.title}</Link>
      </p>
      <h1>
        <LogText text={data.title[lang] || word(t.categories, data.category)} />
      </h1>
      <p>
        {data.state && <CauseStateTag state={data.state} />}
        <span className="verdict">{t.cause.headline(data.pcs_now)}</span>
        <span>{t.cause.ever(data.pcs, data.count)}</span>
        {data.first && data.last && (
          <span className="mono muted">{t.cause.firstLast(data.first.slice(0, 16), data.last.slice(0, 16))}</span>
        )}
        <Category category={data.category} />
      </p>
    </div>
  );
}

function Meaning({ data }: { data: CauseDetail }) {
  const { lang, t } = useLang();
  const { meaning, advice, root_code: root } = data;
  return (
    <Panel title={t.cause.meaning}>
      <div className="finding plain-finding">
        {meaning && (
          <p>
            <LogText text={meaning[lang]} />
          </p>
        )}
        <dl className="facts inline">
          {root && (
            <div>
              <dt>{t.endpoint.rootCode}</dt>
              <dd>
                <Code code={root} name={data.root_name} />
              </dd>
            </div>
          )}
          {data.terminal_codes.length > 0 && (
            <div>
              <dt>{t.cause.usersSee}</dt>
              <dd className="code-list">
                {data.terminal_codes.map(({ code, names, count: times }) => (
                  <span key={code}>
                    <Code code={code} name={names[0] ?? null} /> <small className="muted">{count(lang, times)}</small>
                  </span>
                ))}
              </dd>
            </div>
          )}
          {data.equals.length > 0 && (
            <div>
              <dt>{t.cause.equals}</dt>
              <dd className="code-list">
                {data.equals.map(({ code, names }) => (
                  <Code key={code} code={code} name={names[0] ?? null} />
                ))}
              </dd>
            </div>
          )}
        </dl>
        {advice && <Advice text={advice[lang]} level={3} />}
      </div>
    </Panel>
  );
}

function OverTime({ data }: { data: CauseDetail }) {
  const { lang, t } = useLang();
  return (
    <Panel title={t.cause.overTime}>
      {data.over_time.length === 0 ? (
        <Empty text={t.overview.quiet} />
      ) : (
        <Bars
          title={t.cause.overTime}
          unit={t.cause.pcs}
          bars={data.over_time.map((day) => ({
            t: day.t,
            value: day.pcs,
            note: `${t.cause.attempts} ${count(lang, day.count)}`,
          }))}
        />
      )}
    </Panel>
  );
}

function Sample({ data }: { data: CauseDetail }) {
  const { t } = useLang();
  const { sample } = data;
  if (!sample) return null;
  return (
    <Panel
      title={t.cause.sample}
      hint={sample.finding.logged ?? undefined}
      aside={
        <Link href={endpointUrl(sample.endpoint)}>
          {t.cause.sampleOn} <LogText text={sample.endpoint} />
        </Link>
      }
    >
      <div className="finding plain-finding">
        <Evidence finding={sample.finding} endpoint={sample.endpoint} open />
      </div>
    </Panel>
  );
}

function Objects({ data }: { data: CauseDetail }) {
  const { t } = useLang();
  const { shown, more } = useShown("objects");
  const { objects, objects_total: total } = data;
  return (
    <Panel
      title={t.cause.objects}
      hint={total > objects.length ? t.cause.objectsCut(objects.length, total) : undefined}
    >
      {objects.length === 0 && <Empty text={t.cause.noObjects} />}
      <ul className="figures-list">
        {shown(objects).map(({ object, pcs }) => (
          <li key={object}>
            <span className="mono wrap">
              <LogText text={object} /> <Copy text={object} label={`${t.common.copy} ${t.endpoint.object}`} />
            </span>
            <span className="num">{t.overview.endpointsCount(pcs)}</span>
          </li>
        ))}
      </ul>
      {more(objects)}
    </Panel>
  );
}

function Updates({ data, filters }: { data: CauseDetail; filters: Filters }) {
  const { t } = useLang();
  const { shown, more } = useShown("updates");
  if (data.kbs.length === 0) return null;
  return (
    <Panel title={t.cause.kbs}>
      <ul className="figures-list">
        {shown(data.kbs).map(({ kb, pcs, count: times }) => (
          <li key={kb}>
            {kb ? (
              <Link href={updateUrl(kb, filters)} className="mono">
                <LogText text={kb} />
              </Link>
            ) : (
              <span className="muted">{t.endpoint.rowPackage}</span>
            )}
            <span className="num">
              {t.overview.endpointsCount(pcs)} <small className="muted">{t.overview.failedAttempts(times)}</small>
            </span>
          </li>
        ))}
      </ul>
      {more(data.kbs)}
    </Panel>
  );
}

function Pcs({ data, filters }: { data: CauseDetail; filters: Filters }) {
  const { t } = useLang();
  const now = data.pcs_now > 0;
  const view = {
    filters: { ...filters, cause: data.id },
    state: now ? ("failing" as const) : null,
    sort: "last_failure" as const,
  };
  const loaded = useApi<EndpointList>(`/api/v1/endpoints${listQuery(view, LISTED)}`);
  return (
    <Panel
      title={t.cause.list}
      aside={<Link href={endpointsUrl(view)}>{t.overview.showAll(now ? data.pcs_now : data.pcs)}</Link>}
    >
      {loaded.data && loaded.standing !== "other" ? (
        <EndpointTable rows={loaded.data.endpoints} caption={t.cause.list} />
      ) : loaded.error ? (
        <Failed error={loaded.error} onRetry={loaded.reload} />
      ) : (
        <Skeleton lines={3} />
      )}
      <AlertRule subject={{ cause: data.id, failing: data.pcs_now }} filters={filters} />
    </Panel>
  );
}

function Twins({ data }: { data: CauseDetail }) {
  const { t } = useLang();
  return (
    <Panel title={t.cause.twins} hint={t.cause.twinsHint}>
      {data.twins.length === 0 ? (
        <Empty text={t.cause.noTwins} />
      ) : (
        <EndpointTable rows={data.twins} caption={t.cause.twins} />
      )}
    </Panel>
  );
}
