// Everything that a search found, by kind.

import type { SearchAnswer } from "../api";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { Held, Standing } from "../parts/held";
import { LogText } from "../parts/log-text";
import { searchPath } from "../parts/search-box";
import { HitLine } from "../parts/search-hits";
import { Failed, Note, Panel, Skeleton } from "../parts/states";
import { KINDS, hitsOf } from "../search";
import { endpointsUrl, sectionUrl } from "../url";

export function SearchPage({ q }: { q: string }) {
  const { lang, t } = useLang();
  const loaded = useApi<SearchAnswer>(q ? searchPath(q) : null);
  if (!q) return <Note title={t.search.title} text={t.search.start} />;
  const { data, error, reload } = loaded;
  if (!data) return error ? <Failed error={error} onRetry={reload} /> : <Skeleton lines={6} />;
  const hits = hitsOf(data, lang);
  if (hits.length === 0 && loaded.standing === "current") {
    return (
      <Note title={t.search.nothing} text={t.search.nothingHint}>
        <p className="mono wrap">
          <LogText text={q} />
        </p>
      </Note>
    );
  }
  // The lists that hold all of a kind.
  const lists = {
    pcs: endpointsUrl({ q }),
    updates: sectionUrl("updates", { q }),
    causes: sectionUrl("causes", { q }),
    codes: null,
    objects: null,
  };
  return (
    <>
      <div className="page-head">
        <h1>
          <LogText text={t.search.results(data.q)} />
        </h1>
      </div>
      <Standing loaded={loaded} />
      <Held loaded={loaded}>
        {KINDS.map((kind) => {
          const own = hits.filter((hit) => hit.kind === kind);
          const list = lists[kind];
          return (
            own.length > 0 && (
              <Panel
                key={kind}
                title={t.search[kind]}
                aside={
                  list && (
                    <Link href={list}>
                      <LogText text={t.search.all(q)} />
                    </Link>
                  )
                }
              >
                <ul className="hits">
                  {own.map((hit) => (
                    <li key={hit.key}>
                      <Link href={hit.href}>
                        <HitLine hit={hit} />
                      </Link>
                    </li>
                  ))}
                </ul>
              </Panel>
            )
          );
        })}
      </Held>
    </>
  );
}
