// Every endpoint, by name or by failure, a page at a time.

import { useEffect, useState } from "react";
import { ApiError, type EndpointList, type EndpointRow, get, useApi } from "../api";
import { useLang } from "../i18n";
import { go } from "../nav";
import { LabelFilter } from "../parts/labels";
import { EndpointTable } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { endpointsUrl } from "../url";

const PAGE = 50;
/** Typing pauses this long before the server is asked. */
const TYPING_MS = 200;

export function EndpointsPage({ q, failing, labels }: { q: string; failing: boolean; labels: string[] }) {
  const { t } = useLang();
  const path = apiPath(q, failing, labels);
  // Of two addresses that differ in nothing else this text is the same.
  const labelled = labels.join("\n");
  const first = useApi<EndpointList>(path);
  const [more, setMore] = useState<{ path: string; rows: EndpointRow[]; next: string | null } | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [typed, setTyped] = useState(q);

  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return;
    const timer = setTimeout(
      () => go(endpointsUrl(typed, failing, labels), { replace: true, keepScroll: true }),
      TYPING_MS,
    );
    return () => clearTimeout(timer);
  }, [typed, q, failing, labelled]);

  const later = more?.path === path ? more : null;
  const rows = [...(first.data?.endpoints ?? []), ...(later?.rows ?? [])];
  const next = later ? later.next : (first.data?.next ?? null);
  const load = () => {
    if (!next) return;
    get<EndpointList>(apiPath(q, failing, labels, next)).then(
      (page) => setMore({ path, rows: [...(later?.rows ?? []), ...page.endpoints], next: page.next }),
      (failed: unknown) => setError(failed instanceof ApiError ? failed : new ApiError(0, String(failed), null)),
    );
  };

  return (
    <>
      <div className="page-head">
        <h1>{t.endpoints.title}</h1>
      </div>
      <form className="filters" onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          className="field"
          value={typed}
          onChange={(event) => setTyped(event.target.value)}
          placeholder={t.endpoints.search}
          aria-label={t.endpoints.search}
          spellCheck={false}
        />
        <label className="check">
          <input
            type="checkbox"
            checked={failing}
            onChange={(event) =>
              go(endpointsUrl(typed, event.target.checked, labels), { replace: true, keepScroll: true })
            }
          />
          {t.endpoints.failing}
        </label>
        <LabelFilter labels={labels} href={(next) => endpointsUrl(typed, failing, next)} />
      </form>
      {error && <Failed error={error} onRetry={() => (setError(null), load())} />}
      {first.error && !first.data ? (
        <Failed error={first.error} onRetry={first.reload} />
      ) : !first.data ? (
        <Skeleton lines={8} />
      ) : (
        <Panel
          title={t.endpoints.title}
          hint={[
            t.endpoints.shown(rows.length, Math.max(first.data.total ?? 0, rows.length)),
            ...(first.data.days ? [t.endpoints.days(first.data.days.from, first.data.days.to)] : []),
          ].join(" · ")}
        >
          {rows.length === 0 ? (
            <Empty text={`${t.endpoints.none}. ${t.endpoints.noneHint}`} />
          ) : (
            <EndpointTable rows={rows} caption={t.endpoints.title} />
          )}
          {next && (
            <button type="button" className="button wide-button" onClick={load}>
              {t.common.more}
            </button>
          )}
        </Panel>
      )}
    </>
  );
}

function apiPath(q: string, failing: boolean, labels: string[], after?: string): string {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (q) query.set("q", q);
  if (failing) query.set("failing", "1");
  for (const label of labels) query.append("label", label);
  if (after) query.set("after", after);
  return `/api/v1/endpoints?${query}`;
}
