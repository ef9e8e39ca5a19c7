// The figures behind the chart: failed attempts by slot of time and category. Pure.

import type { Overview } from "../api";
import { LEGEND_COLOURS } from "../categories";
import { slots } from "../format";

/** What the legend sums up: more categories than it has colours are no longer told apart in a bar. */
export const REST = "";

export interface Series {
  slots: string[];
  categories: { category: string; total: number; counts: number[] }[];
  /** Attempts. */
  failed: number[];
  succeeded: number[];
}

/** The categories that have a colour of their own. */
export const legendOf = (series: Series) =>
  series.categories.map(({ category }) => category).filter((category) => category !== REST);

export function seriesOf(data: Pick<Overview, "range" | "over_time" | "categories_over_time">): Series {
  const all = slots(data.range);
  const places = new Map(all.map((slot, index) => [slot, index]));
  const zeros = () => all.map(() => 0);
  const [failed, succeeded] = [zeros(), zeros()];
  for (const slot of data.over_time) {
    const place = places.get(slot.t);
    if (place === undefined) continue;
    failed[place] = slot.failed;
    succeeded[place] = slot.succeeded;
  }
  const counts = new Map<string, number[]>();
  for (const { t, category, count: found } of data.categories_over_time) {
    const place = places.get(t);
    if (place === undefined) continue;
    const row = counts.get(category) ?? zeros();
    row[place]! += found;
    counts.set(category, row);
  }
  const sum = (row: number[]) => row.reduce((total, each) => total + each, 0);
  const ranked = [...counts]
    .map(([category, row]) => ({ category, total: sum(row), counts: row }))
    .filter((row) => row.total > 0)
    .sort((a, b) => b.total - a.total || a.category.localeCompare(b.category));
  const categories = ranked.slice(0, LEGEND_COLOURS);
  const rest = ranked.slice(LEGEND_COLOURS);
  if (rest.length > 0) {
    const row = all.map((_, index) => rest.reduce((total, each) => total + each.counts[index]!, 0));
    categories.push({ category: REST, total: sum(row), counts: row });
  }
  return { slots: all, categories, failed, succeeded };
}

/** What was done in each slot, each once: a change of rules stands at its day in UTC, which is a PC's own day but for some hours. */
export function marksBySlot(marks: Overview["marks"], slots: string[]): Map<number, string[]> {
  const bySlot = new Map<number, string[]>();
  for (const { at, what } of marks) {
    const [day, hour] = [at.slice(0, 10), `${at.slice(0, 10)} ${at.slice(11, 13)}:00`];
    const index = slots.findIndex((slot) => slot === day || slot === hour);
    if (index < 0) continue;
    const known = bySlot.get(index) ?? [];
    if (!known.includes(what)) bySlot.set(index, [...known, what]);
  }
  return bySlot;
}
