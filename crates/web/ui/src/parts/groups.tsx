// How PCs fare by a label: by ring, by site. Each number leads to the list of exactly those it counts.

import type { Group, Overview } from "../api";
import { count, percent } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { type Filters, endpointsUrl, without, withLabel } from "../url";
import { LogText } from "./log-text";
import { useShown } from "./shown";
import { Panel } from "./states";

export function Groups(props: {
  data: Overview;
  /** The filters that the figures are of. */
  asked: Filters;
  /** Those of the address, which links go on from. */
  filters: Filters;
  /** The same page with other filters. */
  href: (filters: Filters) => string;
}) {
  const { t } = useLang();
  const { shown, more } = useShown("groups");
  const { by } = props.asked;
  const { groups } = props.data;
  if (!by || !groups) return null;
  const name = word(t.labels.names, by);
  const title = t.labels.groups(name);
  return (
    <Panel title={title} className="groups">
      <div className="scroll" tabIndex={0} role="group" aria-label={title}>
        <table className="grid">
          <caption className="sr">{title}</caption>
          <thead>
            <tr>
              <th scope="col">{name}</th>
              {[t.tiles.failing, t.labels.pcs, t.labels.share, t.endpoints.failed].map((text) => (
                <th key={text} scope="col" className="num">
                  {text}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown(groups).map((group) => (
              <Row key={group.value} group={group} by={by} filters={props.filters} href={props.href} />
            ))}
          </tbody>
        </table>
      </div>
      {more(groups)}
    </Panel>
  );
}

function Row(props: { group: Group; by: string; filters: Filters; href: (filters: Filters) => string }) {
  const { lang, t } = useLang();
  const { group, by, filters } = props;
  const { value, endpoints, endpoints_failing: failing } = group;
  const own = withLabel(filters, by, value);
  // All of a group are counted, whatever they tried.
  const all = without(own, "kb", "category", "cause", "code");
  // No address names those that lack a label.
  const figure = (pcs: number, href: string) =>
    value ? <Link href={href}>{count(lang, pcs)}</Link> : count(lang, pcs);
  return (
    <tr>
      <th scope="row">
        {value ? (
          <Link href={props.href(own)} keepScroll>
            <LogText text={value} />
          </Link>
        ) : (
          <span className="muted">{t.labels.none}</span>
        )}
      </th>
      <td className={failing > 0 ? "num bad" : "num muted"}>
        {figure(failing, endpointsUrl({ filters: own, state: "failing" }))}
      </td>
      <td className="num">{figure(endpoints, endpointsUrl({ filters: all }))}</td>
      <td className="num">{percent(lang, failing, endpoints)}</td>
      <td className="num">{count(lang, group.failed)}</td>
    </tr>
  );
}
