// The lists beside the chart: causes, updates, codes. Each row narrows the page to itself.

import { useState } from "react";
import type { Overview } from "../api";
import { count, middle } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Category, FailBar } from "../parts/small";
import { LogText } from "../parts/log-text";
import { Empty, Panel } from "../parts/states";
import { type Filters, overviewUrl } from "../url";
import { visible } from "../visible";
import { without } from "./overview-filters";

/** Rows of a list at first: the whole page is to be read at a glance; the rest is a click away. */
const SHOWN = 8;

interface Props {
  data: Overview;
  filters: Filters;
}

/** The first rows of a list, and the button that shows the others. */
function useShown() {
  const { t } = useLang();
  const [all, setAll] = useState(false);
  return {
    shown: <T,>(rows: T[]) => (all ? rows : rows.slice(0, SHOWN)),
    more: (rows: unknown[]) =>
      !all &&
      rows.length > SHOWN && (
        <button type="button" className="button wide-button" onClick={() => setAll(true)}>
          {t.endpoint.more(rows.length - SHOWN)}
        </button>
      ),
  };
}

export function Causes({ data, filters }: Props) {
  const { lang, t } = useLang();
  const { shown, more } = useShown();
  const max = Math.max(1, ...data.top_causes.map((cause) => cause.endpoints));
  return (
    <Panel title={t.overview.causes} hint={t.overview.causesHint}>
      {data.top_causes.length === 0 && <Empty text={t.overview.noCauses} />}
      <ol className="causes">
        {shown(data.top_causes).map((cause) => (
          <li key={`${cause.rule} ${cause.category} ${cause.root_code} ${cause.object}`}>
            <Link
              className="cause-title"
              keepScroll
              href={overviewUrl({
                ...filters,
                category: cause.category,
                ...(cause.root_code ? { code: cause.root_code } : {}),
              })}
            >
              <LogText text={cause.title[lang] || word(t.categories, cause.category)} />
            </Link>
            <span className="cause-count">
              <b>{count(lang, cause.endpoints)}</b>
              <small>{t.overview.endpointsWord(cause.endpoints)}</small>
            </span>
            <span className="weight" aria-hidden="true">
              <span style={{ width: `${(cause.endpoints / max) * 100}%` }} />
            </span>
            <span className="cause-facts">
              <Category category={cause.category} />
              {cause.root_code && <Code code={cause.root_code} name={cause.root_name} />}
              {cause.objects > 1 && <span>{t.overview.objects(cause.objects)}</span>}
              {cause.object && (
                <span className="mono object" title={visible(cause.object)}>
                  <LogText text={middle(cause.object, 64)} />
                </span>
              )}
            </span>
            <span className="cause-when muted">
              <span className="mono">
                {cause.first && cause.last
                  ? t.overview.firstLast(cause.first.slice(0, 10), cause.last.slice(0, 10))
                  : t.overview.noTime}
              </span>
              <span>{t.overview.timesHint(cause.count)}</span>
            </span>
          </li>
        ))}
      </ol>
      {more(data.top_causes)}
    </Panel>
  );
}

export function Kbs({ data, filters }: Props) {
  const { lang, t } = useLang();
  const { shown, more } = useShown();
  const max = Math.max(1, ...data.kbs.map((kb) => kb.failed + kb.succeeded));
  return (
    <Panel title={t.overview.kbs} hint={t.overview.kbsHint} className="kbs-panel">
      {data.kbs.length === 0 ? (
        <Empty text={t.overview.noKbs} />
      ) : (
        <table className="kbs">
          <thead>
            <tr>
              <th scope="col">KB</th>
              <th scope="col" aria-hidden="true" />
              <th scope="col" className="num">
                {t.overview.failed}
              </th>
              <th scope="col" className="num">
                {t.overview.succeeded}
              </th>
            </tr>
          </thead>
          <tbody>
            {shown(data.kbs).map((kb) => (
              <tr key={kb.kb} title={t.overview.failingOnly(kb.endpoints_failing)}>
                <th scope="row">
                  <Link
                    href={overviewUrl(filters.kb === kb.kb ? without(filters, "kb") : { ...filters, kb: kb.kb })}
                    keepScroll
                    className="mono"
                    aria-current={filters.kb === kb.kb ? "true" : undefined}
                  >
                    <LogText text={kb.kb} />
                  </Link>
                </th>
                <td>
                  <FailBar failed={kb.failed} succeeded={kb.succeeded} max={max} />
                </td>
                <td className={kb.failed > 0 ? "num bad" : "num muted"}>{count(lang, kb.failed)}</td>
                <td className="num">{count(lang, kb.succeeded)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {more(data.kbs)}
    </Panel>
  );
}

export function Codes({ data, filters }: Props) {
  const { lang, t } = useLang();
  const { shown, more } = useShown();
  const max = Math.max(1, ...data.top_codes.map((code) => code.events));
  return (
    <Panel title={t.overview.codes} hint={t.overview.codesHint}>
      {data.top_codes.length === 0 && (
        <Empty text={data.totals.events === null ? t.labels.notCounted : t.overview.noCodes} />
      )}
      <ol className="codes">
        {shown(data.top_codes).map((code) => (
          <li key={code.code}>
            <Code code={code.code} name={code.names[0] ?? null} />
            <Link
              className="code-count"
              href={overviewUrl({ ...filters, code: code.code })}
              keepScroll
              title={t.common.narrow(code.code)}
            >
              <span className="sr">{code.code}</span>
              <b>{count(lang, code.events - code.noise)}</b>
              {code.noise > 0 && (
                <small className="muted">
                  +{count(lang, code.noise)} {t.common.noise}
                </small>
              )}
            </Link>
            <span className="weight split" aria-hidden="true">
              <span style={{ width: `${((code.events - code.noise) / max) * 100}%` }} />
              <span className="pale" style={{ width: `${(code.noise / max) * 100}%` }} />
            </span>
            <span className="muted meaning">{code.meaning?.[lang] ?? ""}</span>
          </li>
        ))}
      </ol>
      {more(data.top_codes)}
    </Panel>
  );
}
