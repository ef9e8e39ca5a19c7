// What a code means, how else it is spelled, and where it was seen.

import { type CodeDetail, type Overview, useApi } from "../api";
import { addDays, count } from "../format";
import { useLang } from "../i18n";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Copy, EndpointTable } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { overviewUrl } from "../url";
import { Causes } from "./overview-lists";

/** Where it was seen is told of its last season: what a fleet did years ago helps nobody now. */
const WHERE_DAYS = 120;

export function CodePage({ code }: { code: string }) {
  const { lang, t } = useLang();
  const { data, error, reload } = useApi<CodeDetail>(`/api/v1/codes/${encodeURIComponent(code)}`);
  const seen = data?.seen ?? null;
  const filters = seen ? { code: data!.code, ...lastDays(seen.first.slice(0, 10), seen.last.slice(0, 10)) } : { code };
  const where = useApi<Overview>(seen ? `/api/v1${overviewUrl(filters).replace("/?", "/overview?")}` : null);

  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton />;
  const space = (name: string) => t.spaces[name as keyof typeof t.spaces] ?? name;
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
        <p className="lead">{data.meaning?.[lang] ?? <span className="muted">{t.code.noMeaning}</span>}</p>
      </div>
      <div className="columns one-one">
        <Panel title={t.code.equivalents}>
          <dl className="facts">
            <div>
              <dt>{t.code.space}</dt>
              <dd>{space(data.space)}</dd>
            </div>
            {data.facility && (
              <div>
                <dt>{t.code.facility}</dt>
                <dd className="mono">{data.facility}</dd>
              </div>
            )}
          </dl>
          {data.equivalents.length === 0 ? (
            <Empty text={t.code.noEquivalents} />
          ) : (
            <table className="grid">
              <thead>
                <tr>
                  <th scope="col">{t.overview.code}</th>
                  <th scope="col">{t.code.space}</th>
                  <th scope="col">{t.code.names}</th>
                </tr>
              </thead>
              <tbody>
                {data.equivalents.map((each) => (
                  <tr key={`${each.space} ${each.code}`}>
                    <th scope="row">
                      <Code code={each.code} />
                    </th>
                    <td>{space(each.space)}</td>
                    <td className="mono wrap">{each.names.join(", ") || "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Panel>
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
                <dd className="mono">{seen.first}</dd>
              </div>
              <div>
                <dt>{t.code.seenLast}</dt>
                <dd className="mono">{seen.last}</dd>
              </div>
            </dl>
          ) : (
            <Empty text={t.code.notSeen} />
          )}
        </Panel>
      </div>
      {where.data && where.data.top_causes.length > 0 && <Causes data={where.data} filters={filters} />}
      {where.data && where.data.endpoints.length > 0 && (
        <Panel title={t.code.where} hint={t.endpoints.days(where.data.range.from, where.data.range.to)}>
          <EndpointTable rows={where.data.endpoints} caption={t.code.where} />
        </Panel>
      )}
    </>
  );
}

function lastDays(first: string, last: string): { from: string; to: string } {
  const from = addDays(last, 1 - WHERE_DAYS);
  return { from: from > first ? from : first, to: last };
}
