// Every update of the days, by what became of the PCs that tried it.

import type { UpdateList } from "../api";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Files } from "../parts/files";
import { FilterBar } from "../parts/filter-bar";
import { Held, Standing } from "../parts/held";
import { Pages, TypedSearch } from "../parts/list-tools";
import { Empty, Failed, Panel, Skeleton } from "../parts/states";
import { UpdateRows } from "../parts/update-row";
import { type SectionView, sectionQuery, sectionUrl } from "../url";

const PAGE = 50;
const POLL_MS = 30_000;

export function UpdatesPage({ view }: { view: SectionView }) {
  const { t } = useLang();
  const loaded = useApi<UpdateList>(`/api/v1/updates${sectionQuery(view, PAGE)}`, () => POLL_MS);
  const { data, error } = loaded;
  const other = (change: Partial<SectionView>) => sectionUrl("updates", { ...view, after: "", before: 0, ...change });
  return (
    <>
      <div className="page-head">
        <h1>{t.updates.title}</h1>
      </div>
      <Standing loaded={loaded} />
      <FilterBar filters={view.filters} range={data?.range} href={(filters) => other({ filters })} />
      <div className="filters">
        <TypedSearch q={view.q} label={t.updates.search} href={(q) => other({ q })} />
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
            title={t.updates.total(data.total)}
            hint={t.overview.kbsHint}
            aside={<Files path="updates" query={sectionQuery({ ...view, after: "" })} />}
          >
            {data.updates.length === 0 ? (
              <Empty text={view.q ? t.updates.noneMatch : t.updates.none} />
            ) : (
              <UpdateRows updates={data.updates} filters={view.filters} />
            )}
            <Pages
              after={view.after}
              before={view.before}
              rows={data.updates.length}
              total={data.total}
              next={data.next}
              href={(place) => sectionUrl("updates", { ...view, ...place })}
              said={t.pager.shown}
            />
          </Panel>
        </Held>
      )}
    </>
  );
}
