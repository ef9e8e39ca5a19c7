// Every cause of the days, by the PCs that fail by it now; and the codes that stand in their logs.

import type { CauseList, Overview } from "../api";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Link } from "../nav";
import { CauseRows } from "../parts/cause-row";
import { Files } from "../parts/files";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { Pages, TypedSearch } from "../parts/list-tools";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { CAUSE_STATES, type SectionView, queryOf, sectionQuery, sectionUrl } from "../url";
import { Codes } from "./causes-codes";

const PAGE = 50;
const POLL_MS = 30_000;

export function CausesPage({ view }: { view: SectionView }) {
  const { t } = useLang();
  const loaded = useApi<CauseList>(`/api/v1/causes${sectionQuery(view, PAGE)}`, () => POLL_MS);
  const { data, error } = loaded;
  const other = (change: Partial<SectionView>) => sectionUrl("causes", { ...view, after: "", before: 0, ...change });
  // Codes go by records, which have neither words nor a state.
  const codes = useApi<Overview>(data && !view.q && !view.state ? `/api/v1/overview${queryOf(view.filters)}` : null);
  return (
    <>
      <div className="page-head">
        <h1>{t.causes.title}</h1>
      </div>
      <Standing loaded={loaded} />
      <FilterBar filters={view.filters} range={data?.range} href={(filters) => other({ filters })} />
      <div className="filters">
        <TypedSearch q={view.q} label={t.causes.search} href={(q) => other({ q })} />
        <nav className="tabs" aria-label={t.causes.states}>
          {[null, ...CAUSE_STATES].map((state) => (
            <Link
              key={state ?? ""}
              href={other({ state })}
              keepScroll
              aria-current={view.state === state ? "true" : undefined}
            >
              {state === null ? t.causes.all : t.causeStates[state]}
            </Link>
          ))}
        </nav>
      </div>
      {!data ? (
        error ? (
          <Failed error={error} onRetry={loaded.reload} />
        ) : (
          <Skeleton lines={8} />
        )
      ) : (
        <Held loaded={loaded}>
          <Panel
            title={t.causes.total(data.total)}
            hint={t.overview.causesHint}
            aside={<Files path="causes" query={sectionQuery({ ...view, after: "" })} />}
          >
            {data.causes.length === 0 ? (
              <Empty text={view.q || view.state ? t.causes.noneMatch : t.causes.none} />
            ) : (
              <CauseRows causes={data.causes} filters={view.filters} />
            )}
            <Pages
              after={view.after}
              before={view.before}
              rows={data.causes.length}
              total={data.total}
              next={data.next}
              href={(place) => sectionUrl("causes", { ...view, ...place })}
              said={t.pager.shown}
            />
          </Panel>
        </Held>
      )}
      {codes.data && codes.standing === "current" && <Codes data={codes.data} filters={view.filters} />}
    </>
  );
}
