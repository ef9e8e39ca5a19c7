// What is wrong with one PC now, what was and is solved, and what became of each of its updates.

import type { ReactNode } from "react";
import type { EndpointDetail } from "../api";
import { count } from "../format";
import { attemptOf, sorted } from "../findings";
import { useLang } from "../i18n";
import { Link } from "../nav";
import { Files } from "../parts/files";
import { LogText } from "../parts/log-text";
import { PcStateBadge } from "../parts/pc-state";
import { useShown } from "../parts/shown";
import { Empty, Panel } from "../parts/states";
import { seesText, useRole } from "../roles";
import { causeUrl, listPath, updateUrl } from "../url";
import { visible } from "../visible";
import { CauseCard } from "./endpoint-cause";

/** What is wrong now, a card per cause; what was ended since and what is only worth knowing is folded away. */
export function Problems({ data, pager }: { data: EndpointDetail; pager: ReactNode }) {
  const { t } = useLang();
  const { id } = data.endpoint;
  const { failing, solved, noted } = sorted(data.findings);
  return (
    <Panel
      title={t.pc.failing}
      hint={failing.length > 1 ? t.pc.failingHint : undefined}
      aside={seesText(useRole()) ? <Files path={listPath(id, "findings")} /> : undefined}
      className="findings"
    >
      {pager}
      {failing.length === 0 && <Empty text={t.pc.nothing} />}
      {failing.map((group, index) => (
        <CauseCard
          key={group.id}
          group={group}
          endpoint={id}
          first={index === 0}
          attempt={attemptOf(group, data.attempts)}
        />
      ))}
      {solved.length > 0 && (
        <details className="noted solved">
          <summary>{t.pc.solved(solved.length)}</summary>
          {solved.map((group) => (
            <div key={group.id}>
              <p className="solved-by">
                {group.closedBy.length > 0 ? t.pc.closedBy(group.closedBy.map(visible).join(", ")) : t.pc.closed}
              </p>
              <CauseCard group={group} endpoint={id} first={false} attempt={attemptOf(group, data.attempts)} />
            </div>
          ))}
        </details>
      )}
      {noted.length > 0 && (
        <details className="noted">
          <summary>{t.endpoint.noted(noted.length)}</summary>
          {noted.map((group) => (
            <CauseCard key={group.id} group={group} endpoint={id} first={false} />
          ))}
        </details>
      )}
    </Panel>
  );
}

/** What became of each update on this PC; the server knows of all of them, whatever page of attempts is shown. */
export function Updates({ data }: { data: EndpointDetail }) {
  const { lang, t } = useLang();
  const { shown, more } = useShown("updates");
  const { updates, updates_total: total } = data;
  if (updates.length === 0) return null;
  const { failing, solved } = sorted(data.findings);
  // Of a cause that no finding of this page tells, its rule is the word there is.
  const title = (cause: string) =>
    [...failing, ...solved].find(({ id }) => id === cause)?.latest.title[lang] ?? cause.split("~")[0]!;
  return (
    <Panel
      title={t.pc.updates}
      hint={total > updates.length ? t.overview.cut(updates.length, total) : t.pc.updatesHint}
    >
      <div className="scroll" tabIndex={0} role="group" aria-label={t.pc.updates}>
        <table className="grid pc-updates">
          <thead>
            <tr>
              <th scope="col">{t.updates.update}</th>
              <th scope="col">{t.endpoints.state}</th>
              <th scope="col">{t.pc.since}</th>
              <th scope="col" className="num">
                {t.pc.tries}
              </th>
              <th scope="col">{t.endpoint.cause}</th>
            </tr>
          </thead>
          <tbody>
            {shown(updates).map((update) => (
              <tr key={update.kb}>
                <th scope="row" className="mono">
                  {update.kb ? (
                    <Link href={updateUrl(update.kb)}>
                      <LogText text={update.kb} />
                    </Link>
                  ) : (
                    <span className="muted">{t.endpoint.rowPackage}</span>
                  )}
                </th>
                <td>
                  <PcStateBadge state={update.state} />
                </td>
                <td className="mono nowrap">{update.since ?? "–"}</td>
                <td className="num">{count(lang, update.attempts)}</td>
                <td className="wide">
                  {update.cause ? (
                    <Link href={causeUrl(update.cause)}>
                      <LogText text={title(update.cause)} />
                    </Link>
                  ) : (
                    <span className="muted">–</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more(updates)}
    </Panel>
  );
}
