// The fleet in PCs: each figure leads to the list of exactly those it counts.

import type { CauseList, Overview } from "../api";
import { useLang } from "../i18n";
import { useApi } from "../load";
import { Tile } from "../parts/tile";
import { type Filters, type ListState, endpointsUrl, sectionQuery, sectionUrl } from "../url";
import { isCurrent } from "../verdict";

const POLL_MS = 30_000;

export function Tiles({ data, filters }: { data: Overview; filters: Filters }) {
  const { t } = useLang();
  const { pcs } = data;
  const said = t.tiles;
  const { failing, failing_day_ago: day, failing_week_ago: week } = pcs;
  const ever = failing + (day ?? 0) + (week ?? 0) > 0;
  const changes: string[] = [];
  if (isCurrent(data) && ever && day !== null) changes.push(said.sinceDay(failing - day));
  if (isCurrent(data) && ever && week !== null) changes.push(said.sinceWeek(failing - week));
  const tile = (state: ListState, value: number, tone: string, title: string, notes: string[]) => (
    <Tile href={endpointsUrl({ filters, state })} value={value} tone={tone} title={title} notes={notes} />
  );
  return (
    <dl className="totals" aria-label={said.label}>
      {tile("failing", pcs.failing, pcs.failing > 0 ? "bad" : "", said.failing, [
        said.failingOf(pcs.tried),
        ...changes,
      ])}
      {tile("restart", pcs.restart, "", said.restart, [said.restartNote])}
      {tile("recovered", pcs.recovered, "", said.recovered, [said.recoveredNote])}
      {tile("silent", pcs.silent, pcs.silent > 0 ? "warn" : "", said.silent, [said.silentNote])}
      <NewCauses filters={filters} />
      {pcs.clock_ahead > 0 && tile("clock_ahead", pcs.clock_ahead, "warn", said.clock, [said.clockNote])}
    </dl>
  );
}

/** Of all causes, not only of those that the overview ranks; shown once it is known. */
function NewCauses({ filters }: { filters: Filters }) {
  const { t } = useLang();
  const view = { filters, state: "new" as const };
  const { data, standing } = useApi<CauseList>(`/api/v1/causes${sectionQuery(view, 1)}`, () => POLL_MS);
  if (!data || standing !== "current") return null;
  return (
    <Tile
      href={sectionUrl("causes", view)}
      value={data.total}
      tone={data.total > 0 ? "warn" : ""}
      title={t.tiles.newCauses}
      notes={[t.tiles.newCausesNote]}
    />
  );
}
