// The codes that stand in the logs of these days.

import type { Overview } from "../api";
import { count } from "../format";
import { useLang } from "../i18n";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Files } from "../parts/files";
import { useShown } from "../parts/shown";
import { Empty, Panel } from "../parts/states";
import { type Filters, queryOf, sectionUrl, toggled, without } from "../url";

export function Codes({ data, filters }: { data: Overview; filters: Filters }) {
  const { lang, t } = useLang();
  const { shown, more } = useShown("codes");
  const max = Math.max(1, ...data.top_codes.map((code) => code.events));
  return (
    <Panel
      title={t.causes.codes}
      hint={t.overview.codesHint + (ofAllUpdates(filters) ? ` · ${t.overview.allUpdates}` : "")}
      aside={data.totals.events === null ? undefined : <Files path="codes" query={queryOf(without(filters, "by"))} />}
    >
      {data.top_codes.length === 0 && (
        <Empty text={data.totals.events === null ? t.labels.notCounted : t.overview.noCodes} />
      )}
      <ol className="codes">
        {shown(data.top_codes).map((code) => (
          <li key={code.code}>
            <Code code={code.code} name={code.names[0] ?? null} />
            <Link
              className="code-count"
              href={sectionUrl("causes", { filters: toggled(filters, "code", code.code) })}
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

/** Records belong to no update and no cause: their counts are narrowed by the other filters alone. */
function ofAllUpdates(filters: Filters): boolean {
  return Boolean(filters.kb || filters.category || filters.cause);
}
