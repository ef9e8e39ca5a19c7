// What PCs that fail by a cause have in common, against PCs that tried the same updates and do not fail.

import type { CauseDetail, Common as Row } from "../api";
import { count, percent } from "../format";
import { useLang, word } from "../i18n";
import { Link } from "../nav";
import { LogText } from "../parts/log-text";
import { useShown } from "../parts/shown";
import { Empty, Panel } from "../parts/states";
import { type Filters, endpointsUrl, withLabel } from "../url";

export function Common({ data, filters }: { data: CauseDetail; filters: Filters }) {
  const { t } = useLang();
  const { shown, more } = useShown("common");
  return (
    <Panel title={t.cause.common} hint={t.cause.commonHint}>
      {data.common.length === 0 && <Empty text={t.cause.noCommon} />}
      <ul className="common">
        {shown(data.common).map((row) => (
          <li key={`${row.kind} ${row.label} ${row.value}`}>
            <One row={row} id={data.id} filters={filters} />
          </li>
        ))}
      </ul>
      {more(data.common)}
    </Panel>
  );
}

function One({ row, id, filters }: { row: Row; id: string; filters: Filters }) {
  const { lang, t } = useLang();
  const name = row.kind === "label" ? word(t.labels.names, row.label) : word(t.cause.kinds, row.kind);
  const bar = (part: number, whole: number) => (whole > 0 ? `${(part / whole) * 100}%` : "0");
  const value = <LogText text={row.value || t.common.unknown} />;
  // Of builds there is no filter: only labels lead to a list.
  const list = withLabel({ ...filters, cause: id }, row.label, row.value);
  return (
    <>
      <p>
        <span className="muted">{name}</span>{" "}
        <b className="wrap">
          {row.kind === "label" && row.value ? (
            <Link href={endpointsUrl({ filters: list, state: "failing" })}>{value}</Link>
          ) : (
            value
          )}
        </b>
        <span className="lift num">
          {row.lift === null ? t.cause.onlyFailing : `× ${count(lang, Math.round(row.lift * 10) / 10)}`}
        </span>
      </p>
      <Share
        text={t.cause.failingWith}
        part={row.failing}
        whole={row.of_failing}
        width={bar(row.failing, row.of_failing)}
        kind="failing"
      />
      <Share
        text={t.cause.healthyWith}
        part={row.healthy}
        whole={row.of_healthy}
        width={bar(row.healthy, row.of_healthy)}
        kind="installed"
      />
    </>
  );
}

function Share(props: { text: string; part: number; whole: number; width: string; kind: string }) {
  const { lang, t } = useLang();
  const { part, whole } = props;
  return (
    <p className="share">
      <span>{props.text}</span>
      <span className="pieces" aria-hidden="true">
        <span className={`piece ${props.kind}`} style={{ width: props.width }} />
      </span>
      <span className="num">
        {t.common.of(count(lang, part), count(lang, whole))}{" "}
        <small className="muted">{percent(lang, part, whole)}</small>
      </span>
    </p>
  );
}
