// Failed attempts without a cause, by the line that they have in common: what a new rule would explain.

import type { Cluster, Unexplained } from "../api";
import { percent } from "../format";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { Code } from "../parts/code";
import { Files } from "../parts/files";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { CopyButton } from "../parts/small";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { type Filters, attemptUrl, endpointUrl, endpointsUrl, queryOf, updateUrl } from "../url";

export function UnexplainedPage({ filters }: { filters: Filters }) {
  const { t } = useLang();
  const loaded = useApi<Unexplained>(`/api/v1/unexplained${queryOf(filters)}`);
  const { data, error } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={loaded.reload} /> : <Skeleton lines={9} />;
  const { failed, unexplained: open, clusters, clusters_total: total } = data;
  return (
    <>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        <div className={`headline ${failed === 0 ? "neutral" : open > 0 ? "warn" : "good"}`}>
          <h1>{failed === 0 ? t.unexplained.noFailures : t.unexplained.headline(open, failed)}</h1>
          <p>{t.unexplained.hint}</p>
        </div>
      </Held>
      <FilterBar filters={filters} range={data.range} href={(next) => `/unexplained${queryOf(next)}`} />
      <Held loaded={loaded}>
        <Panel
          title={t.unexplained.clusters}
          hint={total > clusters.length ? t.overview.cut(clusters.length, total) : undefined}
          aside={<Files path="unexplained" query={queryOf(filters)} />}
        >
          {clusters.length === 0 && <Empty text={t.unexplained.none} />}
          <ol className="clusters">
            {clusters.map((cluster) => (
              <li key={cluster.id}>
                <One cluster={cluster} filters={filters} />
              </li>
            ))}
          </ol>
        </Panel>
      </Held>
    </>
  );
}

function One({ cluster, filters }: { cluster: Cluster; filters: Filters }) {
  const { lang, t } = useLang();
  const { code } = cluster;
  return (
    <>
      <p className="cluster-head">
        {code ? <Code code={code} name={cluster.names[0] ?? null} /> : <span>{t.unexplained.noCode}</span>}
        {cluster.component && (
          <span className="mono muted">
            <LogText text={cluster.component} />
          </span>
        )}
        <span className="cluster-figures">
          <Link href={endpointsUrl({ filters: { ...filters, cause: cluster.id } })}>
            <b>{t.overview.endpointsCount(cluster.pcs)}</b>
          </Link>{" "}
          <span className="muted">
            {t.unexplained.attempts(cluster.attempts)} · {t.unexplained.share(percent(lang, cluster.share, 1))}
          </span>
        </span>
      </p>
      <p className="mono cluster-text">
        <LogText text={cluster.text} />
      </p>
      <p className="cluster-facts">
        {cluster.kbs.length > 0 && (
          <span>
            <span className="muted">{t.unexplained.updates}</span>{" "}
            {cluster.kbs.map((kb) => (
              <Link key={kb} href={updateUrl(kb, filters)} className="mono">
                <LogText text={kb} />{" "}
              </Link>
            ))}
          </span>
        )}
        {cluster.builds.length > 0 && (
          <span>
            <span className="muted">{t.unexplained.builds}</span>{" "}
            <span className="mono">
              <LogText text={cluster.builds.join("  ")} />
            </span>
          </span>
        )}
      </p>
      {cluster.samples.length > 0 && (
        <details className="evidence">
          <summary>
            {t.unexplained.samples} <small className="muted">{cluster.samples.length}</small>
          </summary>
          <ol>
            {cluster.samples.map((sample) => (
              <li key={`${sample.endpoint} ${sample.attempt} ${sample.logged}`}>
                <Link
                  href={
                    sample.attempt === null ? endpointUrl(sample.endpoint) : attemptUrl(sample.endpoint, sample.attempt)
                  }
                >
                  <span className="evidence-text mono">
                    <LogText text={sample.text} />
                  </span>
                  <span className="evidence-place">
                    <LogText text={sample.endpoint} /> · {sample.logged ?? t.common.unknown} →
                  </span>
                </Link>
              </li>
            ))}
          </ol>
        </details>
      )}
      {cluster.draft !== null && (
        <details className="evidence">
          <summary>{t.unexplained.draft}</summary>
          <p className="muted">{t.unexplained.draftHint}</p>
          <pre className="draft" tabIndex={0} aria-label={t.unexplained.draft}>
            <LogText text={cluster.draft} />
          </pre>
          <CopyButton text={cluster.draft} label={t.unexplained.copyDraft} />
        </details>
      )}
    </>
  );
}
