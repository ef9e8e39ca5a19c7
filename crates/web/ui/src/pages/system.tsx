// How cbsift itself fares: what it could not read or lost, how far it is behind, which rules it goes by, what its disk holds.

import type { ReactNode } from "react";
import type { Counted, System } from "../api";
import { bytes, count, duration, stamp } from "../format";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { RowsTable } from "../parts/rows-table";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { endpointUrl } from "../url";
import { Jobs } from "./system-jobs";

const POLL_MS = 10_000;

export function SystemPage() {
  const { lang, t } = useLang();
  const loaded = useApi<System>("/api/v1/system", () => POLL_MS);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  const { trouble } = data;
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <div className={`headline ${trouble.length > 0 ? "warn" : "good"}`}>
          <h1>{trouble.length > 0 ? t.system.trouble(trouble.length) : t.system.well}</h1>
          <ul className="trouble">
            {trouble.map((sentence, index) => (
              <li key={index}>
                <LogText text={sentence[lang]} />
              </li>
            ))}
          </ul>
        </div>
        <div className="columns one-one">
          <Facts data={data} />
          <RuleSets data={data} />
        </div>
        <Jobs jobs={data.jobs} />
        <Rows
          title={t.system.deadLetters}
          list={data.dead_letters}
          head={[t.system.when, t.endpoints.endpoint, t.coverage.log, t.coverage.reason, t.system.size]}
          row={(each) => [
            time(each.at),
            <Pc key="pc" id={each.endpoint} />,
            each.source,
            each.reason,
            bytes(lang, each.bytes),
          ]}
        />
        <Rows
          title={t.system.deadUnits}
          list={data.dead_units}
          head={[t.system.when, t.endpoints.endpoint, t.system.month, t.coverage.reason]}
          row={(each) => [time(each.at), <Pc key="pc" id={each.endpoint} />, String(each.month), each.reason]}
        />
        <Plain title={t.system.topicGaps} list={data.topic_gaps} />
        <Plain title={t.system.lostParts} list={data.lost_parts} />
        <Tables data={data} />
      </Held>
    </>
  );
}

const time = (at: string | null | undefined) => (at ? stamp(at) : "–");

function Facts({ data }: { data: System }) {
  const { lang, t } = useLang();
  const { disk, pending_units: pending, oldest_pending_s: oldest } = data;
  const used = bytes(lang, disk.used_bytes);
  const fact = (label: string, value: ReactNode) => (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
  return (
    <Panel title={t.system.facts}>
      <dl className="facts">
        {fact(t.system.version, <span className="mono">{data.version}</span>)}
        {fact(
          t.system.serverTime,
          <>
            <span className="mono">{time(data.now)}</span> <small className="muted">{t.common.utc}</small>
          </>,
        )}
        {fact(
          t.system.backlog,
          pending === 0
            ? t.system.upToDate
            : [t.system.waiting(pending), oldest && t.system.oldest(duration(lang, oldest * 1_000))]
                .filter(Boolean)
                .join(lang === "zh" ? "，" : ", "),
        )}
        {fact(
          t.system.disk,
          <>
            {disk.max_bytes > 0 && (
              <>
                <meter min={0} max={disk.max_bytes} value={disk.used_bytes} aria-label={t.system.disk} />{" "}
              </>
            )}
            {disk.max_bytes > 0 ? t.system.diskOf(used, bytes(lang, disk.max_bytes)) : t.system.diskUnbound(used)}
            {disk.full && <strong className="bad"> {t.status.diskFull}</strong>}
          </>,
        )}
      </dl>
    </Panel>
  );
}

function RuleSets({ data }: { data: System }) {
  const { lang, t } = useLang();
  const { rule_set: now, rule_sets: sets } = data;
  if (now === null) return <Panel title={t.system.ruleSet}>{<Empty text={t.system.shipped} />}</Panel>;
  const older = sets.filter(({ sequence }) => sequence !== now.sequence);
  return (
    <Panel
      title={t.system.ruleSet}
      hint={[now.rules !== null && t.system.rules(now.rules), now.site ? t.system.site : t.system.shipped]
        .filter(Boolean)
        .join(" · ")}
    >
      <dl className="facts">
        <div>
          <dt>{t.system.sequence}</dt>
          <dd className="num-left">{count(lang, now.sequence)}</dd>
        </div>
        <div>
          <dt>{t.system.digest}</dt>
          <dd className="mono wrap">
            <LogText text={now.digest} />
          </dd>
        </div>
      </dl>
      {older.length > 0 && (
        <details className="noted">
          <summary>{t.system.ruleSets}</summary>
          <ul className="figures-list">
            {older.map(({ sequence, digest }) => (
              <li key={`${sequence} ${digest}`}>
                {count(lang, sequence)}{" "}
                <span className="mono muted wrap">
                  <LogText text={digest.slice(0, 16)} />
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </Panel>
  );
}

function Pc({ id }: { id: string }) {
  if (!id) return <>–</>;
  return (
    <Link href={endpointUrl(id)}>
      <LogText text={id} />
    </Link>
  );
}

function Rows<T>(props: { title: string; list: Counted<T>; head: string[]; row: (each: T) => ReactNode[] }) {
  const { t } = useLang();
  const { title, list, head, row } = props;
  const cut = list.total > list.rows.length;
  return (
    <Panel title={title} hint={cut ? t.system.cut(list.rows.length, list.total) : undefined}>
      {list.total === 0 ? (
        <Empty text={t.system.nothing} />
      ) : (
        <RowsTable title={title} head={head} rows={list.rows.map(row)} />
      )}
    </Panel>
  );
}

/** A list whose columns are the server's own: names of the queue and the store, which have no words of this page. */
function Plain({ title, list }: { title: string; list: Counted<Record<string, string | number | null>> }) {
  const columns = [...new Set(list.rows.flatMap((row) => Object.keys(row)))];
  return (
    <Rows
      title={title}
      list={list}
      head={columns}
      row={(each) => columns.map((name) => (each[name] === null ? "–" : String(each[name] ?? "–")))}
    />
  );
}

function Tables({ data }: { data: System }) {
  const { lang, t } = useLang();
  return (
    <Panel title={t.system.tables}>
      <div className="scroll" tabIndex={0} role="group" aria-label={t.system.tables}>
        <table className="grid">
          <caption className="sr">{t.system.tables}</caption>
          <thead>
            <tr>
              <th scope="col">{t.system.table}</th>
              <th scope="col" className="num">
                {t.system.rows}
              </th>
              <th scope="col" className="num">
                {t.system.size}
              </th>
            </tr>
          </thead>
          <tbody>
            {data.tables.map(({ table, rows, bytes: size }) => (
              <tr key={table}>
                <th scope="row" className="mono">
                  {table}
                </th>
                <td className="num">{count(lang, rows)}</td>
                <td className="num">{bytes(lang, size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Panel>
  );
}
