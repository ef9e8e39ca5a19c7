// The table of endpoints, on the overview, the list and the code page.

import type { EndpointRow } from "../api";
import { count } from "../format";
import { useLang } from "../i18n";
import { namesOf } from "../names";
import { Link } from "../nav";
import { type Sort, endpointUrl } from "../url";
import { LabelLine } from "./labels";
import { LogText } from "./log-text";
import { PcStateBadge } from "./pc-state";
import { Category } from "./small";

/** How the rows are ordered, and the address of each other order. */
export interface Sorting {
  by: Sort;
  href: (sort: Sort) => string;
}

export function EndpointTable(props: { rows: EndpointRow[]; caption: string; sorting?: Sorting }) {
  const { lang, t } = useLang();
  const { rows, caption, sorting } = props;
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={caption}>
      <table className="grid endpoints">
        <caption className="sr">{caption}</caption>
        <thead>
          <tr>
            <Head text={t.endpoints.endpoint} sort="name" sorting={sorting} />
            <Head text={t.endpoints.state} />
            <Head text={t.endpoints.cause} />
            <Head text={t.endpoints.failed} className="num" sort="failed" sorting={sorting} />
            <Head text={t.endpoints.lastFailure} className="roomy" sort="last_failure" sorting={sorting} />
            <Head text={t.endpoints.build} className="roomy" />
            <Head text={t.endpoints.lastSeen} className="roomy" sort="last_seen" sorting={sorting} />
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.endpoint}>
              <th scope="row" className="name">
                <Names row={row} />
              </th>
              <td className="state">
                <PcStateBadge state={row.state} />
                {row.silent && <small className="tag">{t.states.silent}</small>}
                {row.covered === false && row.state !== "failing" && (
                  <small className="muted" title={t.held.onlyHint}>
                    {t.held.only(row.first_seen?.slice(0, 10) ?? null, row.last_seen?.slice(0, 10) ?? null)}
                  </small>
                )}
              </td>
              <td className="wide">
                <Cause row={row} />
              </td>
              <td className={row.failed > 0 ? "num bad" : "num muted"}>{count(lang, row.failed)}</td>
              <td className="mono nowrap roomy">{row.last_failure ?? <span className="muted">–</span>}</td>
              <td className="mono nowrap roomy">
                {row.build ? <LogText text={row.build} /> : <span className="muted">–</span>}
              </td>
              <td className="mono nowrap roomy muted">{row.last_seen ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What people call it, then what it calls itself, then its id: the first leads to its page. */
function Names({ row }: { row: EndpointRow }) {
  const [first, ...others] = namesOf(row.name, row.host, row.endpoint);
  return (
    <>
      <Link href={endpointUrl(row.endpoint)}>
        <LogText text={first!} />
      </Link>
      {others.map((text) => (
        <small key={text} className={text === row.endpoint ? "muted mono clip" : "muted clip"}>
          <LogText text={text} />
        </small>
      ))}
      {row.labels.length > 0 && (
        <small className="labels">
          <LabelLine labels={row.labels} />
        </small>
      )}
    </>
  );
}

function Cause({ row }: { row: EndpointRow }) {
  const { lang, t } = useLang();
  if (!row.category) return <span className="muted">{row.failed > 0 ? t.common.unknown : "–"}</span>;
  return (
    <>
      <span className="cause-of">
        <Category category={row.category} />
        {row.kb && (
          <span className="mono muted">
            <LogText text={row.kb} />
          </span>
        )}
      </span>
      {row.title && (
        <small className="muted clip">
          <LogText text={row.title[lang]} />
        </small>
      )}
    </>
  );
}

/** Names go up, figures and times down: the most and the latest are what is looked for. */
const ORDER: Record<Sort, "ascending" | "descending"> = {
  name: "ascending",
  failed: "descending",
  last_failure: "descending",
  last_seen: "descending",
};

function Head(props: { text: string; className?: string; sort?: Sort; sorting?: Sorting | undefined }) {
  const { t } = useLang();
  const { text, sort, sorting } = props;
  if (!sort || !sorting) {
    return (
      <th scope="col" className={props.className}>
        {text}
      </th>
    );
  }
  const here = sorting.by === sort;
  return (
    <th scope="col" className={props.className} aria-sort={here ? ORDER[sort] : undefined}>
      <Link href={sorting.href(sort)} keepScroll className="sort" title={t.endpoints.sortBy(text)}>
        {text}
        <span aria-hidden="true">{here ? (ORDER[sort] === "ascending" ? " ↑" : " ↓") : ""}</span>
      </Link>
    </th>
  );
}
