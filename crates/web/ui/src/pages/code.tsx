// What a code means, how else it is spelled, and where it was seen.

import type { CodeDetail, Overview } from "../api";
import { apart } from "../codes";
import { addDays, count } from "../format";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { CauseRows } from "../parts/cause-row";
import { Code } from "../parts/code";
import { EndpointTable } from "../parts/endpoint-table";
import { LogText } from "../parts/log-text";
import { Copy } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { type Filters, endpointsUrl, overviewUrl, queryOf, without } from "../url";

/** Where it was seen is told of its last season: what a fleet did years ago helps nobody now. */
const WHERE_DAYS = 120;

export function CodePage({ code }: { code: string }) {
  const { lang, t } = useLang();
  const { data, error, reload } = useApi<CodeDetail>(`/api/v1/codes/${encodeURIComponent(code)}`);
  const seen = data?.seen ?? null;
  const filters: Filters = seen
    ? { code: data!.code, ...lastDays(seen.first.slice(0, 10), seen.last.slice(0, 10)) }
    : { code };
  const lastOnly = without(filters, "code");
  const where = useApi<Overview>(seen ? `/api/v1/overview${queryOf(filters)}` : null);

  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton />;
  return (
    <>
      <div className="page-head">
        <h1 className="mono">
          {data.code} <Copy text={data.code} label={`${t.common.copy} ${data.code}`} />
        </h1>
        {data.names.length > 0 ? (
          <p className="mono names">{data.names.join("  ·  ")}</p>
        ) : (
          <p className="muted">{t.code.noName}</p>
        )}
        {/^0x/.test(code) && code !== data.code && (
          <p>
            <LogText text={t.code.sameAs(code, data.code)} />
          </p>
        )}
        <p className="lead">{data.meaning?.[lang] ?? <span className="muted">{t.code.noMeaning}</span>}</p>
      </div>
      <div className="columns one-one">
        <Spellings data={data} />
        <Panel title={t.code.seen} aside={seen && <Link href={overviewUrl(filters)}>{t.code.narrow}</Link>}>
          {seen ? (
            <dl className="facts big">
              <div>
                <dt>{t.code.seenEndpoints}</dt>
                <dd>{count(lang, seen.endpoints)}</dd>
              </div>
              <div>
                <dt>{t.code.seenEvents}</dt>
                <dd>{count(lang, seen.events)}</dd>
              </div>
              <div>
                <dt>{t.code.seenFirst}</dt>
                <dd className="mono">{seen.first.slice(0, 10)}</dd>
              </div>
              <div>
                <dt>{t.code.seenLast}</dt>
                <dd className="mono">{seen.last.slice(0, 10)}</dd>
              </div>
            </dl>
          ) : (
            <Empty text={t.code.notSeen} />
          )}
        </Panel>
      </div>
      {where.data && where.data.top_causes.length > 0 && (
        <Panel title={t.code.causes} hint={t.overview.causesHint}>
          <CauseRows causes={where.data.top_causes} filters={lastOnly} />
        </Panel>
      )}
      {where.data && where.data.endpoints.length > 0 && (
        <Panel
          title={t.overview.affected}
          hint={t.endpoints.days(where.data.range.from, where.data.range.to)}
          aside={
            <Link href={endpointsUrl({ filters, state: "failing" })}>{t.overview.showAll(where.data.pcs.failing)}</Link>
          }
        >
          <EndpointTable rows={where.data.endpoints} caption={t.overview.affected} />
        </Panel>
      )}
    </>
  );
}

/** What it is, and how else exactly the same is written; what only shares its report is folded away. */
function Spellings({ data }: { data: CodeDetail }) {
  const { t } = useLang();
  const { exact, also, failures } = apart(data, data.equivalents);
  return (
    <Panel title={t.code.equivalents}>
      <dl className="facts">
        <div>
          <dt>{t.code.space}</dt>
          <dd>{spaceName(t.spaces, data.space)}</dd>
        </div>
        {data.facility && (
          <div>
            <dt>{t.code.facility}</dt>
            <dd className="mono">{data.facility}</dd>
          </div>
        )}
      </dl>
      {exact.length === 0 ? <Empty text={t.code.noEquivalents} /> : <SpellingTable rows={exact} />}
      {also.length > 0 && (
        <details className="noted">
          <summary>{t.code.also(failures)}</summary>
          <SpellingTable rows={also} />
        </details>
      )}
    </Panel>
  );
}

function SpellingTable({ rows }: { rows: CodeDetail["equivalents"] }) {
  const { t } = useLang();
  return (
    <table className="grid">
      <thead>
        <tr>
          <th scope="col">{t.overview.code}</th>
          <th scope="col">{t.code.space}</th>
          <th scope="col">{t.code.names}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((each) => (
          <tr key={`${each.space} ${each.code}`}>
            <th scope="row">
              <Code code={each.code} />
            </th>
            <td>{spaceName(t.spaces, each.space)}</td>
            <td className="mono wrap">{each.names.join(", ") || "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const spaceName = (words: Record<string, string>, name: string) => words[name] ?? name;

function lastDays(first: string, last: string): { from: string; to: string } {
  const from = addDays(last, 1 - WHERE_DAYS);
  return { from: from > first ? from : first, to: last };
}
