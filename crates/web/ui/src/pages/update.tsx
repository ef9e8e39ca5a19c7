// One update: how far it has come in PCs, whether it goes as the one before it, why it fails, and who still lacks it.

import type { EndpointList, Overview, UpdateDetail } from "../api";
import { addDays, count, daysBetween, percent } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { Link, useKept } from "../nav";
import { AlertRule } from "../parts/alert-rule";
import { CauseRows } from "../parts/cause-row";
import { Lines } from "../parts/days";
import { EndpointTable } from "../parts/endpoint-table";
import { Files } from "../parts/files";
import { FilterBar } from "../parts/filter-bar";
import { Groups } from "../parts/groups";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { useShown } from "../parts/shown";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { Legend, PieceBar } from "../parts/update-row";
import { piecesOf } from "../updates";
import {
  type Filters,
  type ListState,
  endpointsUrl,
  listQuery,
  overviewUrl,
  queryOf,
  sectionUrl,
  updateUrl,
  without,
} from "../url";
import { visible } from "../visible";

const POLL_MS = 30_000;
/** PCs that the page itself lists; all are a click away. */
const LACKING = 10;

export function UpdatePage({ kb, filters }: { kb: string; filters: Filters }) {
  const { t } = useLang();
  const own = without(filters, "by");
  const loaded = useApi<UpdateDetail>(`/api/v1${updateUrl(kb, own)}`, () => POLL_MS);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <Head data={data} />
      </Held>
      <FilterBar filters={filters} range={data.range} href={(next) => updateUrl(kb, next)} grouped />
      {data.known ? (
        <Held loaded={loaded}>
          <Rollout data={data} filters={own} />
          <div className="columns two-one">
            <Curve data={data} />
            <Builds data={data} />
          </div>
          <ByLabel kb={kb} filters={filters} />
          <Why data={data} filters={own} />
          <Lacks data={data} filters={own} />
        </Held>
      ) : (
        <Empty text={t.headline.widen} />
      )}
    </>
  );
}

function Head({ data }: { data: UpdateDetail }) {
  const { t } = useLang();
  const { kb, pcs, known } = data;
  const tone = !known || pcs.tried === 0 ? "neutral" : pcs.failing > 0 ? "bad" : pcs.installed > 0 ? "good" : "neutral";
  return (
    <div className={`headline ${tone}`}>
      <p className="trail">
        <Link href={sectionUrl("updates")}>{t.updates.title}</Link>
      </p>
      <h1>
        <LogText
          text={
            !known
              ? t.updates.unknownKb(kb)
              : pcs.tried === 0
                ? t.updates.none_yet(kb)
                : t.updates.headline(kb, pcs.failing, pcs.tried)
          }
        />
      </h1>
      <p>
        <Have data={data} />
        {data.first && (
          <span>
            <span className="muted">{t.updates.firstTry}</span> <span className="mono">{data.first}</span>
          </span>
        )}
        <Link href={overviewUrl({ kb })}>{t.overview.overTime}</Link>
      </p>
    </div>
  );
}

function Have({ data: { pcs } }: { data: UpdateDetail }) {
  const { lang, t } = useLang();
  if (pcs.tried === 0) return null;
  return <span>{t.updates.have(percent(lang, pcs.installed, pcs.tried))}</span>;
}

/** The states of the figure, in the order of the funnel; each leads to its list. */
const FUNNEL = ["installed", "restart", "failing", "cancelled", "unknown", "not_tried"] as const;

function Rollout({ data, filters }: { data: UpdateDetail; filters: Filters }) {
  const { lang, t } = useLang();
  const { pcs, kb } = data;
  const pieces = [...piecesOf(pcs), ...(pcs.not_tried > 0 ? [{ piece: "not_tried", pcs: pcs.not_tried }] : [])];
  const list = (state: ListState | null) => endpointsUrl({ filters: { ...filters, kb }, state });
  return (
    <Panel
      title={t.updates.rollout}
      hint={t.updates.rolloutHint(pcs.tried, pcs.seen)}
      aside={<Link href={list(null)}>{t.overview.endpointsCount(pcs.tried)}</Link>}
      className="rollout"
    >
      <Legend notTried={pcs.not_tried > 0} />
      <PieceBar pieces={pieces} />
      <ul className="funnel">
        {FUNNEL.filter((state) => pcs[state] > 0 || state === "failing").map((state) => (
          <li key={state}>
            <Link href={list(state)} className={state === "failing" && pcs.failing > 0 ? "bad" : undefined}>
              <b>{count(lang, pcs[state])}</b>
            </Link>
            <span>{t.states[state]}</span>
            {state === "installed" && pcs.recovered > 0 && (
              <small className="muted">
                <Link href={list("recovered")}>
                  {t.states.recovered} {count(lang, pcs.recovered)}
                </Link>
              </small>
            )}
            {state === "installed" && pcs.superseded > 0 && (
              <small className="muted">
                {t.states.superseded} {count(lang, pcs.superseded)}
              </small>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Curve({ data }: { data: UpdateDetail }) {
  const { t } = useLang();
  const { kb, before, over_time: days } = data;
  if (days.length === 0)
    return <Panel title={t.updates.curve}>{<Empty text={t.updates.none_yet(visible(kb))} />}</Panel>;
  const first = data.first ?? days[0]!.t;
  const at = (day: string) => daysBetween(first, day) - 1;
  const since = days.filter(({ t: day }) => day >= first);
  const length = Math.max(0, ...since.map(({ t: day }) => at(day)));
  const own = since.map(({ t: day, installed, failing }) => ({ x: at(day), installed, failing }));
  const older = (before?.over_time ?? []).filter(({ day }) => day <= length);
  return (
    <Panel title={t.updates.curve} hint={before && <LogText text={t.updates.curveBefore(before.kb)} />}>
      <Lines
        title={t.updates.curve}
        head={t.updates.day}
        axis={[first, addDays(first, length)]}
        lines={[
          {
            name: t.updates.curveLines(kb),
            kind: "own",
            points: own.map(({ x, installed }) => ({ x, y: installed })),
          },
          {
            name: t.updates.curveFailing(kb),
            kind: "bad",
            points: own.map(({ x, failing }) => ({ x, y: failing })),
          },
          ...(before
            ? [
                {
                  name: t.updates.curveLines(before.kb),
                  kind: "other" as const,
                  points: older.map(({ day, installed }) => ({ x: day, y: installed })),
                },
              ]
            : []),
        ]}
      />
    </Panel>
  );
}

function Builds({ data }: { data: UpdateDetail }) {
  const { lang, t } = useLang();
  const { shown, more } = useShown("builds");
  const title = t.updates.builds;
  return (
    <Panel title={title}>
      <div className="scroll" tabIndex={0} role="group" aria-label={title}>
        <table className="grid">
          <caption className="sr">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{t.updates.build}</th>
              {[t.states.installed, t.states.failing, t.updates.share].map((text) => (
                <th key={text} scope="col" className="num">
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown(data.builds).map(({ build, tried, failing, installed }) => (
              <tr key={build}>
                <th scope="row" className="mono">
                  {build ? <LogText text={build} /> : <span className="muted">{t.common.unknown}</span>}
                </th>
                <td className="num">{count(lang, installed)}</td>
                <td className={failing > 0 ? "num bad" : "num muted"}>{count(lang, failing)}</td>
                <td className="num">{percent(lang, failing, tried)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more(data.builds)}
    </Panel>
  );
}

/** Groups come with the overview of this update, which nobody pays for who does not group. */
function ByLabel({ kb, filters }: { kb: string; filters: Filters }) {
  const asked = { ...filters, kb };
  const loaded = useApi<Overview>(filters.by ? `/api/v1/overview${queryOf(asked)}` : null);
  if (!filters.by || !loaded.data || loaded.standing !== "current") return null;
  return <Groups data={loaded.data} asked={asked} filters={asked} href={(next) => updateUrl(kb, next)} />;
}

function Why({ data, filters }: { data: UpdateDetail; filters: Filters }) {
  const { t } = useLang();
  const { shown, more } = useShown("causes");
  const { causes, causes_total: total } = data;
  return (
    <Panel
      title={t.updates.causes}
      hint={total > causes.length ? t.overview.cut(causes.length, total) : undefined}
      aside={<Link href={sectionUrl("causes", { filters: { ...filters, kb: data.kb } })}>{t.causes.total(total)}</Link>}
    >
      {causes.length === 0 && <Empty text={t.updates.noCauses} />}
      <CauseRows causes={shown(causes)} filters={{ ...filters, kb: data.kb }} />
      {more(causes)}
      <AlertRule subject={{ kb: data.kb, failing: data.pcs.failing }} filters={filters} />
    </Panel>
  );
}

/** States of PCs that do not have it, the gravest first. */
const LACKS = ["failing", "restart", "cancelled", "unknown", "not_tried"] as const;

function Lacks({ data, filters }: { data: UpdateDetail; filters: Filters }) {
  const { lang, t } = useLang();
  const { kb, pcs } = data;
  const states = LACKS.filter((state) => pcs[state] > 0);
  const [chosen, choose] = useKept<(typeof LACKS)[number] | null>("lacking", null);
  const state = chosen && states.includes(chosen) ? chosen : (states[0] ?? null);
  const view = { filters: { ...filters, kb }, state };
  const loaded = useApi<EndpointList>(state === null ? null : `/api/v1/endpoints${listQuery(view, LACKING)}`);
  if (state === null) return <Panel title={t.updates.lacks}>{<Empty text={t.updates.lacksNone} />}</Panel>;
  return (
    <Panel
      title={t.updates.lacks}
      className="lacks"
      aside={
        <>
          <Link href={endpointsUrl(view)}>{t.overview.showAll(pcs[state])}</Link> ·{" "}
          <Files path="endpoints" query={listQuery(view)} />
        </>
      }
    >
      <div className="tabs" role="group" aria-label={t.endpoints.state}>
        {states.map((each) => (
          <button
            key={each}
            type="button"
            className="button"
            aria-pressed={each === state}
            onClick={() => choose(each)}
          >
            {word(t.states, each)} {count(lang, pcs[each])}
          </button>
        ))}
      </div>
      {loaded.data && loaded.standing !== "other" ? (
        <EndpointTable rows={loaded.data.endpoints} caption={t.updates.lacks} />
      ) : loaded.error ? (
        <Failed error={loaded.error} onRetry={loaded.reload} />
      ) : (
        <Skeleton lines={3} />
      )}
    </Panel>
  );
}
