// Failures over time: findings by category above, the share of attempts that succeeded below, on one axis of days.

import type { EChartsCoreOption } from "echarts/core";
import { useCallback, useMemo, useState } from "react";
import type { Overview } from "../api";
import { colourVariable } from "../categories";
import { count, percent, slots } from "../format";
import { type Lang, type Messages, useLang, word } from "../i18n";
import { Link, go } from "../nav";
import { Chart, type Colours } from "../parts/chart";
import { Swatch } from "../parts/small";
import { Panel } from "../parts/states";
import { type Filters, overviewUrl } from "../url";
import { without } from "./overview-filters";

/** More categories than this are no longer told apart in a bar; the rest is summed up. */
const CATEGORIES_MAX = 8;
const REST = "";

interface Series {
  slots: string[];
  categories: { category: string; total: number; counts: number[] }[];
  /** Share of attempts that succeeded per slot; null where nothing was tried. */
  success: (number | null)[];
  failed: number[];
  succeeded: number[];
}

export function OverTime({ data, filters }: { data: Overview; filters: Filters }) {
  const { lang, t } = useLang();
  const [open, setOpen] = useState(false);
  // The poll brings equal data most of the time: drawing again only when it differs keeps tooltips in place.
  const key = JSON.stringify([data.range, data.over_time, data.categories_over_time]);
  const series = useMemo(() => seriesOf(data), [key]);
  const option = useCallback((colour: Colours) => optionOf(series, lang, t, colour), [series, lang, t]);

  const narrow = (index: number) => {
    const day = series.slots[index]?.slice(0, 10);
    if (day && data.range.from !== data.range.to)
      go(overviewUrl({ ...filters, from: day, to: day }), { keepScroll: true });
  };
  const quiet = series.categories.length === 0 && series.failed.every((failed) => failed === 0);
  return (
    <Panel title={t.overview.overTime} hint={t.overview.overTimeHint} className="over-time">
      {data.range.charted_from !== data.range.from && (
        <p className="muted">{t.overview.chartCut(data.range.charted_from)}</p>
      )}
      <ul className="legend">
        {series.categories.map(({ category, total }) => (
          <li key={category}>
            {category === REST ? (
              <span>
                <Swatch category={REST} /> + <b>{count(lang, total)}</b>
              </span>
            ) : (
              <Link
                href={overviewUrl(
                  filters.category === category ? without(filters, "category") : { ...filters, category },
                )}
                keepScroll
                aria-current={filters.category === category ? "true" : undefined}
              >
                <Swatch category={category} /> {word(t.categories, category)} <b>{count(lang, total)}</b>
              </Link>
            )}
          </li>
        ))}
        {quiet && <li className="muted">{t.overview.quiet}</li>}
      </ul>
      <Chart
        option={option}
        label={`${t.overview.overTime}. ${t.overview.overTimeHint}`}
        height={264}
        onSlot={narrow}
      />
      <details className="figures" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t.overview.table}</summary>
        {open && <Figures series={series} />}
      </details>
    </Panel>
  );
}

/** The figures behind the drawing. */
function Figures({ series }: { series: Series }) {
  const { lang, t } = useLang();
  return (
    <div className="scroll" tabIndex={0} role="group" aria-label={t.overview.table}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">{t.overview.range}</th>
            <th scope="col" className="num">
              {t.overview.failed}
            </th>
            <th scope="col" className="num">
              {t.overview.succeeded}
            </th>
            {series.categories.map(({ category }) => (
              <th scope="col" className="num" key={category}>
                {category === REST ? "+" : word(t.categories, category)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {series.slots.map((slot, index) => (
            <tr key={slot}>
              <th scope="row" className="mono nowrap">
                {slot}
              </th>
              <td className="num">{count(lang, series.failed[index]!)}</td>
              <td className="num">{count(lang, series.succeeded[index]!)}</td>
              {series.categories.map(({ category, counts }) => (
                <td className="num" key={category}>
                  {count(lang, counts[index]!)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

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
  const categories = ranked.slice(0, CATEGORIES_MAX);
  const rest = ranked.slice(CATEGORIES_MAX);
  if (rest.length > 0) {
    const row = all.map((_, index) => rest.reduce((total, each) => total + each.counts[index]!, 0));
    categories.push({ category: REST, total: sum(row), counts: row });
  }
  const success = all.map((_, index) => {
    const tried = failed[index]! + succeeded[index]!;
    return tried > 0 ? (succeeded[index]! / tried) * 100 : null;
  });
  return { slots: all, categories, success, failed, succeeded };
}

function optionOf(series: Series, lang: Lang, t: Messages, colour: Colours): EChartsCoreOption {
  const axis = {
    type: "category",
    data: series.slots,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: colour("--line") } },
  };
  // Hours of one day need no date, days of one year no year.
  const short = (slot: string) => (slot.length > 10 ? slot.slice(11) : slot.slice(5));
  const text = { color: colour("--muted"), fontSize: 11 };
  const lines = { splitLine: { lineStyle: { color: colour("--line"), opacity: 0.7 } } };
  return {
    animation: false,
    axisPointer: { link: [{ xAxisIndex: "all" }] },
    grid: [
      { left: 40, right: 8, top: 10, height: 150 },
      { left: 40, right: 8, top: 184, height: 46 },
    ],
    xAxis: [
      { ...axis, gridIndex: 0, axisLabel: { show: false } },
      { ...axis, gridIndex: 1, axisLabel: { ...text, formatter: short, hideOverlap: true } },
    ],
    yAxis: [
      {
        type: "value",
        gridIndex: 0,
        minInterval: 1,
        splitNumber: 3,
        axisLabel: { ...text, formatter: (value: number) => count(lang, value) },
        ...lines,
      },
      {
        type: "value",
        gridIndex: 1,
        min: 0,
        max: 100,
        interval: 50,
        axisLabel: { ...text, formatter: "{value}%" },
        ...lines,
      },
    ],
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: colour("--hover") } },
      confine: true,
      padding: 0,
      borderWidth: 0,
      backgroundColor: "transparent",
      extraCssText: "box-shadow:none",
      // An element, not a string: ECharts would read a string as HTML, and names come from logs.
      formatter: (params: { dataIndex: number }[]) => tooltip(series, params[0]?.dataIndex ?? 0, lang, t),
    },
    series: [
      ...series.categories.map(({ category, counts }) => ({
        type: "bar",
        name: word(t.categories, category),
        stack: "findings",
        data: counts,
        itemStyle: { color: colour(colourVariable(category)) },
        barMaxWidth: 26,
        barCategoryGap: "22%",
        emphasis: { disabled: true },
      })),
      {
        type: "line",
        name: t.overview.successAxis,
        xAxisIndex: 1,
        yAxisIndex: 1,
        data: series.success,
        connectNulls: true,
        showSymbol: series.slots.length === 1,
        symbolSize: 5,
        lineStyle: { color: colour("--good"), width: 1.5 },
        itemStyle: { color: colour("--good") },
        areaStyle: { color: colour("--good"), opacity: 0.12 },
        emphasis: { disabled: true },
      },
    ],
  };
}

function tooltip(series: Series, index: number, lang: Lang, t: Messages): HTMLElement {
  const box = element("div", "chart-tip");
  box.append(element("p", "chart-tip-slot", series.slots[index] ?? ""));
  for (const { category, counts } of series.categories) {
    if (!counts[index]) continue;
    const row = element("p", "");
    const swatch = element("span", "swatch");
    swatch.style.background = `var(${colourVariable(category)})`;
    row.append(
      swatch,
      element("span", "", category === REST ? "+" : word(t.categories, category)),
      element("b", "", count(lang, counts[index])),
    );
    box.append(row);
  }
  const [failed, succeeded] = [series.failed[index] ?? 0, series.succeeded[index] ?? 0];
  const row = element("p", "chart-tip-foot");
  row.append(
    element("span", "", t.overview.successNote(failed, succeeded)),
    element("b", "", percent(lang, succeeded, failed + succeeded)),
  );
  box.append(row);
  return box;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
