// How the endpoints fare by a label: by ring, by site.

import type { Overview } from "../api";
import { count, percent } from "../format";
import { useLang } from "../i18n";
import { Link } from "../nav";
import { labelName } from "../parts/labels";
import { LogText } from "../parts/log-text";
import { Panel } from "../parts/states";
import { type Filters, endpointsUrl, overviewUrl, withLabel } from "../url";

export function Groups({ data, filters }: { data: Overview; filters: Filters }) {
  const { lang, t } = useLang();
  const by = filters.by;
  if (!by || !data.groups) return null;
  const name = labelName(t.labels.names, by);
  const labels = filters.labels ?? [];
  return (
    <Panel title={t.labels.groups(name)} className="groups">
      <div className="scroll" tabIndex={0} role="group" aria-label={t.labels.groups(name)}>
        <table className="grid">
          <caption className="sr">{t.labels.groups(name)}</caption>
          <thead>
            <tr>
              <th scope="col">{name}</th>
              <th scope="col" className="num">
                {t.overview.endpointsFailing}
              </th>
              <th scope="col" className="num">
                {t.nav.endpoints}
              </th>
              <th scope="col" className="num">
                {t.labels.share}
              </th>
              <th scope="col" className="num">
                {t.endpoints.failed}
              </th>
            </tr>
          </thead>
          <tbody>
            {data.groups.map((group) => (
              <tr key={group.value}>
                <th scope="row">
                  {group.value ? (
                    <Link href={overviewUrl({ ...filters, labels: withLabel(labels, by, group.value) })} keepScroll>
                      <LogText text={group.value} />
                    </Link>
                  ) : (
                    <span className="muted">{t.labels.none}</span>
                  )}
                </th>
                <td className={group.endpoints_failing > 0 ? "num bad" : "num muted"}>
                  {count(lang, group.endpoints_failing)}
                </td>
                <td className="num">
                  {group.value ? (
                    <Link href={endpointsUrl("", false, withLabel(labels, by, group.value))}>
                      {count(lang, group.endpoints)}
                    </Link>
                  ) : (
                    count(lang, group.endpoints)
                  )}
                </td>
                <td className="num">{percent(lang, group.endpoints_failing, group.endpoints)}</td>
                <td className="num">{count(lang, group.failed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
