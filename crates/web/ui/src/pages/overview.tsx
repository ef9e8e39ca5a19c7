// The first page: is the fleet failing, since when, with what cause, where.

import type { Loaded, Overview } from "../api";
import { bytes, count, percent } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { LogText } from "../parts/log-text";
import { Empty, Failed, Note, Panel, Skeleton } from "../parts/states";
import { EndpointTable, Swatch } from "../parts/small";
import { type Filters, endpointsUrl, overviewUrl } from "../url";
import { FilterBar } from "./overview-filters";
import { Causes, Codes, Kbs } from "./overview-lists";
import { OverTime } from "./overview-chart";
import { Groups } from "./overview-groups";

export function OverviewPage({ filters, loaded }: { filters: Filters; loaded: Loaded<Overview> }) {
  const { t } = useLang();
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  const filtered = Object.keys(filters).length > 0;
  const { totals } = data;
  const nothing = totals.endpoints === 0 && totals.attempts === 0 && !totals.events && totals.findings === 0;
  if (nothing && !filtered) return <NoDataYet />;
  return (
    <>
      <Headline data={data} />
      <FilterBar filters={filters} range={data.range} />
      {nothing ? (
        <Note title={t.overview.nothing} text={t.overview.nothingHint}>
          <Link href={overviewUrl()} className="button">
            {t.overview.clear}
          </Link>
        </Note>
      ) : (
        <>
          <Totals data={data} filters={filters} />
          <Groups data={data} filters={filters} />
          <div className="columns two-one">
            <OverTime data={data} filters={filters} />
            <Kbs data={data} filters={filters} />
          </div>
          <div className="columns three-two">
            <Causes data={data} filters={filters} />
            <Codes data={data} filters={filters} />
          </div>
          <Panel
            title={t.overview.affected}
            aside={<Link href={endpointsUrl("", false, filters.labels)}>{t.overview.allEndpoints}</Link>}
          >
            {data.endpoints.length > 0 ? (
              <EndpointTable rows={data.endpoints} caption={t.overview.affected} />
            ) : (
              <Empty text={t.overview.noAffected} />
            )}
          </Panel>
        </>
      )}
    </>
  );
}

/** The answer in a sentence, before any figure. */
function Headline({ data }: { data: Overview }) {
  const { lang, t } = useLang();
  const { totals } = data;
  const worst = data.top_causes[0];
  const firstFailure = data.over_time.find((slot) => slot.failed > 0)?.t.slice(0, 10);
  const failing = totals.endpoints_failing > 0;
  const sentence = failing
    ? totals.endpoints > totals.endpoints_failing
      ? t.overview.failing(totals.endpoints_failing, totals.endpoints)
      : t.overview.failingOnly(totals.endpoints_failing)
    : totals.findings > 0
      ? t.overview.findingsOnly(totals.findings)
      : totals.attempts > 0
        ? t.overview.healthy(totals.endpoints, totals.attempts)
        : t.overview.nothing;
  return (
    <div className={`headline ${failing ? "bad" : totals.findings > 0 ? "warn" : "good"}`}>
      <h1>{sentence}</h1>
      <p>
        <span className="mono" hidden={!data.range.from}>
          {data.range.from === data.range.to ? data.range.from : `${data.range.from} – ${data.range.to}`}
        </span>
        {failing && firstFailure && data.range.from !== data.range.to && <span>{t.overview.since(firstFailure)}</span>}
        {worst && (
          <span>
            {t.overview.mostly} <Swatch category={worst.category} />{" "}
            <strong>
              <LogText text={worst.title[lang] || word(t.categories, worst.category)} />
            </strong>{" "}
            <span className="muted">({t.overview.endpointsCount(worst.endpoints)})</span>
          </span>
        )}
      </p>
    </div>
  );
}

function Totals({ data, filters }: { data: Overview; filters: Filters }) {
  const { lang, t } = useLang();
  const { totals, disk } = data;
  const tried = totals.failed + totals.succeeded;
  return (
    <dl className="totals" aria-label={t.overview.totals}>
      <div className={totals.endpoints_failing > 0 ? "bad" : "good"}>
        <dt>{t.overview.endpointsFailing}</dt>
        <dd>
          <Link href={endpointsUrl(filters.endpoint ?? "", true, filters.labels)}>
            {count(lang, totals.endpoints_failing)}
          </Link>
          <small>{t.overview.endpointsFailingNote(totals.endpoints)}</small>
        </dd>
      </div>
      <div>
        <dt>{t.overview.success}</dt>
        <dd>
          <span>{percent(lang, totals.succeeded, tried)}</span>
          <small>{t.overview.successNote(totals.failed, totals.succeeded)}</small>
        </dd>
      </div>
      <div>
        <dt>{t.overview.findings}</dt>
        <dd>
          <span>{count(lang, totals.findings)}</span>
          <small>{t.overview.findingsNote}</small>
        </dd>
      </div>
      <div>
        <dt>{t.overview.events}</dt>
        <dd>
          <span>{totals.events === null ? "–" : count(lang, totals.events)}</span>
          <small>{totals.noise === null ? t.labels.notCounted : t.overview.eventsNote(totals.noise)}</small>
        </dd>
      </div>
      <div className={disk.full ? "bad" : ""}>
        <dt>{t.overview.raw}</dt>
        <dd>
          <span>{totals.raw_bytes === null ? "–" : bytes(lang, totals.raw_bytes)}</span>
          <small>{t.overview.rawNote(bytes(lang, disk.used_bytes), bytes(lang, disk.max_bytes))}</small>
        </dd>
      </div>
    </dl>
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
