// The attempts of an endpoint: a picture of them over time, a row per update, and the list.

import type { ReactNode } from "react";
import type { Attempt, EndpointDetail } from "../api";
import { duration, loggedMs } from "../format";
import { useLang, word } from "../i18n";
import { Link, useKept } from "../nav";
import { Code } from "../parts/code";
import { Files } from "../parts/files";
import { LogText } from "../parts/log-text";
import { Glyph, Outcome } from "../parts/outcome";
import { Time } from "../parts/small";
import { Empty, Panel } from "../parts/states";
import { attemptUrl, listPath } from "../url";
import { visible } from "../visible";

/** A list of one page begins with this many; the newest are what is asked about. Of a longer one every row of a page is shown. */
const SHOWN = 12;
/** Rows of the picture: the updates tried last. */
const ROWS = 6;

export function Attempts(props: { data: EndpointDetail; pager: ReactNode }) {
  const { lang, t } = useLang();
  const { data } = props;
  const [all, setAll] = useKept("all of attempts", false);
  const { attempts } = data;
  const isOnePage = data.pages.attempts.total === attempts.length;
  const shown = all || !isOnePage ? attempts : attempts.slice(0, SHOWN);
  return (
    <Panel
      title={t.endpoint.attempts}
      hint={t.endpoint.attemptsHint}
      aside={<Files path={listPath(data.endpoint.id, "attempts")} />}
    >
      {props.pager}
      {attempts.length === 0 ? (
        <Empty text={t.endpoint.noAttempts} />
      ) : (
        <>
          <Timeline attempts={attempts} />
          <div className="scroll" tabIndex={0} role="group" aria-label={t.endpoint.attempts}>
            <table className="grid attempts">
              <caption className="sr">{t.endpoint.attempts}</caption>
              <thead>
                <tr>
                  <th scope="col">{t.endpoint.outcome}</th>
                  <th scope="col">{t.endpoint.package}</th>
                  <th scope="col">{t.endpoint.start}</th>
                  <th scope="col">{t.endpoint.took}</th>
                  <th scope="col">{t.endpoint.endedWith}</th>
                </tr>
              </thead>
              <tbody>
                {shown.map((attempt) => (
                  <tr key={attempt.id}>
                    <td>
                      <Outcome outcome={attempt.outcome} />
                    </td>
                    <td className="wide">
                      <Link href={attemptUrl(data.endpoint.id, attempt.id)}>
                        <b className="mono">
                          <LogText text={attempt.kb || t.endpoint.rowPackage} />
                        </b>
                      </Link>
                      <small className="muted mono clip" title={visible(attempt.package)}>
                        <LogText text={attempt.package} />
                      </small>
                      {attempt.client && (
                        <small className="muted clip">
                          {t.endpoint.client} <LogText text={attempt.client} />
                        </small>
                      )}
                    </td>
                    <td className="nowrap">
                      <Time logged={attempt.start} utc={attempt.start_utc} stacked />
                    </td>
                    <td className="nowrap">
                      {took(attempt) === null ? (
                        <span className="muted">{t.endpoint.tookUnknown}</span>
                      ) : (
                        duration(lang, took(attempt)!)
                      )}
                    </td>
                    <td>
                      {attempt.terminal_code ? (
                        <Code code={attempt.terminal_code} name={attempt.terminal_name} />
                      ) : (
                        <span className="muted">–</span>
                      )}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
          {shown.length < attempts.length && (
            <button type="button" className="button wide-button" onClick={() => setAll(true)}>
              {t.endpoint.more(attempts.length - SHOWN)}
            </button>
          )}
        </>
      )}
    </Panel>
  );
}

const WIDTH = 720;
const LABEL = 96;
const ROW = 22;
const EDGE = 12;

/** Attempts of a page, newest first, as marks on a time axis: one row per update, so that retries of the same one line up. */
function Timeline({ attempts }: { attempts: Attempt[] }) {
  const { t } = useLang();
  const timed = attempts.flatMap((attempt) => {
    const at = loggedMs(attempt.start);
    return at === null ? [] : [{ attempt, at, row: visible(attempt.kb) || t.endpoint.rowPackage }];
  });
  if (timed.length < 2) return null;
  const rows = [...new Set(timed.map(({ row }) => row))].slice(0, ROWS);
  const shown = timed.filter(({ row }) => rows.includes(row));
  const from = Math.min(...shown.map(({ at }) => at));
  const to = Math.max(...shown.map(({ at }) => at), from + 1);
  const x = (at: number) => LABEL + EDGE + ((at - from) / (to - from)) * (WIDTH - LABEL - 2 * EDGE);
  const height = rows.length * ROW + 22;
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  return (
    <div className="scroll timeline-box" tabIndex={0} role="group" aria-label={t.endpoint.attemptsHint}>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} className="timeline" role="img" aria-label={t.endpoint.attemptsHint}>
        {rows.map((row, index) => (
          <g key={row}>
            <text x={0} y={index * ROW + 16} className="row-label">
              {row}
            </text>
            <line x1={LABEL} x2={WIDTH} y1={index * ROW + 12} y2={index * ROW + 12} className="row-line" />
          </g>
        ))}
        {shown.map(({ attempt, at, row }) => (
          <g key={attempt.id}>
            <title>{`${attempt.start} ${word(t.outcomes, attempt.outcome)} ${attempt.terminal_code ?? ""}`}</title>
            <Glyph outcome={attempt.outcome} x={x(at)} y={rows.indexOf(row) * ROW + 12} />
          </g>
        ))}
        <text x={LABEL + EDGE} y={height - 4} className="axis-label">
          {day(from)}
        </text>
        <text x={WIDTH - EDGE} y={height - 4} className="axis-label end">
          {day(to)}
        </text>
      </svg>
    </div>
  );
}

/** How long it took; nothing where its start or its end is not logged. */
export function took(attempt: Attempt): number | null {
  const [start, end] = [loggedMs(attempt.start), loggedMs(attempt.end)];
  return start === null || end === null ? null : end - start;
}
