// What the fleet's logs do not cover: who is silent, whose clock is ahead, and which parts of logs never came.

import type { Coverage } from "../api";
import { bytes, count, stamp } from "../format";
import { useLang, word } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { Bars } from "../parts/days";
import { Files } from "../parts/files";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { Tile } from "../parts/tile";
import { type Filters, endpointUrl, endpointsUrl, queryOf, recordUrl } from "../url";

const POLL_MS = 30_000;

export function CoveragePage({ filters }: { filters: Filters }) {
  const { t } = useLang();
  const loaded = useApi<Coverage>(`/api/v1/coverage${queryOf(filters)}`, () => POLL_MS);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  const tile = (title: string, value: number, state: "silent" | "clock_ahead", note: string) => (
    <Tile
      title={title}
      value={value}
      tone={value > 0 ? "warn" : ""}
      href={endpointsUrl({ filters, state })}
      notes={[note]}
    />
  );
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <div className={`headline ${data.silent > 0 ? "warn" : "good"}`}>
          <h1>{t.coverage.headline(data.seen, data.silent)}</h1>
        </div>
      </Held>
      <FilterBar filters={filters} range={data.range} href={(next) => `/coverage${queryOf(next)}`} />
      <Held loaded={loaded}>
        <dl className="totals">
          <Tile title={t.coverage.seen} value={data.seen} tone="" href={null} notes={[t.headline.clocks]} />
          {tile(t.tiles.silent, data.silent, "silent", t.tiles.silentNote)}
          {tile(t.tiles.clock, data.clock_ahead, "clock_ahead", t.tiles.clockNote)}
        </dl>
        <Panel title={t.coverage.reporting}>
          {data.reporting === null ? (
            <Empty text={t.coverage.tooMany} />
          ) : data.reporting.length === 0 ? (
            <Empty text={t.overview.empty} />
          ) : (
            <Bars
              title={t.coverage.reporting}
              unit={t.cause.pcs}
              bars={data.reporting.map(({ t: day, pcs }) => ({ t: day, value: pcs }))}
            />
          )}
        </Panel>
        <Gaps data={data} filters={filters} />
        <Lost data={data} filters={filters} />
        <Clones data={data} filters={filters} />
      </Held>
    </>
  );
}

function Gaps({ data, filters }: { data: Coverage; filters: Filters }) {
  const { lang, t } = useLang();
  const { gaps, gaps_total: total } = data;
  const title = t.coverage.gaps;
  return (
    <Panel
      title={title}
      hint={total !== null && total > gaps.length ? t.overview.cut(gaps.length, total) : undefined}
      aside={total === null ? undefined : <Files path="coverage" query={queryOf(filters)} />}
    >
      {gaps.length === 0 ? (
        <Empty text={t.coverage.noGaps} />
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label={title}>
          <table className="grid">
            <caption className="sr">{title}</caption>
            <thead>
              <tr>
                <th scope="col">{t.endpoints.endpoint}</th>
                <th scope="col">{t.coverage.log}</th>
                <th scope="col">{t.coverage.missing}</th>
                <th scope="col">{t.coverage.reason}</th>
              </tr>
            </thead>
            <tbody>
              {gaps.map((gap) => (
                <tr key={`${gap.endpoint} ${gap.stream} ${gap.from}`}>
                  <th scope="row" className="wrap">
                    <Link href={endpointUrl(gap.endpoint)}>
                      <LogText text={gap.endpoint} />
                    </Link>
                  </th>
                  <td>
                    {word(t.sources, gap.source)}
                    <small className="mono wrap muted">
                      <LogText text={gap.path} />
                    </small>
                  </td>
                  <td>
                    <Link href={recordUrl(gap.endpoint, gap.stream, Math.max(0, gap.from - 1))}>
                      {t.records.at(gap.from)}
                    </Link>
                    <small className="muted">{bytes(lang, gap.to - gap.from)}</small>
                  </td>
                  <td>{word(t.coverage.reasons, gap.reason)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** What agents know to be lost: no later log brings it back. */
function Lost({ data, filters }: { data: Coverage; filters: Filters }) {
  const { lang, t } = useLang();
  const { lost, lost_total: total } = data;
  const title = t.lost.title;
  return (
    <Panel
      title={title}
      hint={total > lost.length ? t.overview.cut(lost.length, total) : t.lost.hint}
      aside={total === 0 ? undefined : <Files path="lost" query={queryOf(filters)} />}
    >
      {total === 0 ? (
        <Empty text={t.lost.none} />
      ) : (
        <div className="scroll" tabIndex={0} role="group" aria-label={title}>
          <table className="grid">
            <caption className="sr">{title}</caption>
            <thead>
              <tr>
                <th scope="col">{t.endpoints.endpoint}</th>
                <th scope="col">{t.coverage.log}</th>
                <th scope="col">{t.coverage.missing}</th>
                <th scope="col">{t.coverage.reason}</th>
                <th scope="col">{t.lost.told}</th>
              </tr>
            </thead>
            <tbody>
              {lost.map((piece) => (
                <tr key={`${piece.endpoint} ${piece.source} ${piece.path} ${piece.reason} ${piece.from}`}>
                  <th scope="row" className="wrap">
                    <Link href={endpointUrl(piece.endpoint)}>
                      <LogText text={piece.endpoint} />
                    </Link>
                  </th>
                  <td>
                    {word(t.sources, piece.source)}
                    <small className="mono wrap muted">
                      <LogText text={piece.path} />
                    </small>
                  </td>
                  <td>
                    {piece.unit === "records" ? (
                      t.lost.records(piece.from, piece.to)
                    ) : (
                      <>
                        {t.records.at(piece.from)}
                        <small className="muted">{bytes(lang, piece.to - piece.from)}</small>
                      </>
                    )}
                  </td>
                  <td>{word(t.held.reasons, piece.reason)}</td>
                  <td className="mono nowrap">{stamp(piece.told)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

/** Ids under which several machines send: what is told of such a PC is told of all of them at once. */
function Clones({ data, filters }: { data: Coverage; filters: Filters }) {
  const { lang, t } = useLang();
  const { clones, clones_total: total } = data;
  const title = t.clones.title;
  if (total === 0) return null;
  return (
    <Panel
      title={title}
      hint={total > clones.length ? t.overview.cut(clones.length, total) : t.clones.hint}
      aside={<Files path="clones" query={queryOf(filters)} />}
    >
      <div className="scroll" tabIndex={0} role="group" aria-label={title}>
        <table className="grid">
          <caption className="sr">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{t.endpoints.endpoint}</th>
              <th scope="col" className="num">
                {t.clones.machines}
              </th>
              <th scope="col">{t.clones.names}</th>
            </tr>
          </thead>
          <tbody>
            {clones.map(({ endpoint, hosts }) => (
              <tr key={endpoint}>
                <th scope="row" className="wrap">
                  <Link href={endpointUrl(endpoint)}>
                    <LogText text={endpoint} />
                  </Link>
                </th>
                <td className="num">{count(lang, hosts.length)}</td>
                <td className="mono wrap">
                  <LogText text={hosts.join(", ")} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
