// Failed attempts over time, each on its own day, by the category of its cause.

import type { EChartsCoreOption } from "echarts/core";
import { useCallback, useState } from "react";
import type { Overview } from "../api";
import { count } from "../format";
import { type Lang, type Messages, useLang, word } from "../i18n";
import { Link, go } from "../nav";
import { Chart, type Colours } from "../parts/chart";
import { Swatch } from "../parts/small";
import { Empty, Panel } from "../parts/states";
import { type Filters, overviewUrl, toggled } from "../url";
import { REST, type Series } from "./overview-series";

type ColourOf = (category: string) => string;

export function OverTime(props: {
  series: Series;
  range: Overview["range"];
  filters: Filters;
  /** The custom property of a category's colour. */
  colours: ColourOf;
}) {
  const { lang, t } = useLang();
  const [open, setOpen] = useState(false);
  const { series, range, filters, colours } = props;
  const option = useCallback(
    (colour: Colours) => optionOf(series, lang, t, colour, colours),
    [series, lang, t, colours],
  );

  const narrow = (index: number) => {
    const day = series.slots[index]?.slice(0, 10);
    if (day && range.from !== range.to) go(overviewUrl({ ...filters, from: day, to: day }), { keepScroll: true });
  };
  const quiet = series.categories.length === 0;
  return (
    <Panel title={t.overview.overTime} hint={t.overview.overTimeHint} className="over-time">
      {range.charted_from !== range.from && <p className="cut muted">{t.overview.chartCut(range.charted_from)}</p>}
      {quiet ? (
        <Empty text={t.overview.quiet} />
      ) : (
        <>
          <ul className="legend">
            {series.categories.map(({ category, total }) => (
              <li key={category}>
                {category === REST ? (
                  <span>
                    <Swatch category={REST} /> {t.overview.rest} <b>{count(lang, total)}</b>
                  </span>
                ) : (
                  <Link
                    href={overviewUrl(toggled(filters, "category", category))}
                    keepScroll
                    aria-current={filters.category === category ? "true" : undefined}
                  >
                    <Swatch category={category} /> {word(t.categories, category)} <b>{count(lang, total)}</b>
                  </Link>
                )}
              </li>
            ))}
          </ul>
          <Chart
            option={option}
            label={`${t.overview.overTime}. ${t.overview.overTimeHint}`}
            height={248}
            onSlot={narrow}
          />
        </>
      )}
      <details className="figures" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t.overview.table}</summary>
        {open && <Figures series={series} />}
      </details>
    </Panel>
  );
}

const nameOf = (t: Messages, category: string) => (category === REST ? t.overview.rest : word(t.categories, category));

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
                {nameOf(t, category)}
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

function optionOf(series: Series, lang: Lang, t: Messages, colour: Colours, colours: ColourOf): EChartsCoreOption {
  // Hours of one day need no date, days of one year no year.
  const short = (slot: string) => (slot.length > 10 ? slot.slice(11) : slot.slice(5));
  const text = { color: colour("--muted"), fontSize: 11 };
  return {
    animation: false,
    grid: { left: 40, right: 8, top: 10, bottom: 26 },
    xAxis: {
      type: "category",
      data: series.slots,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: colour("--line") } },
      axisLabel: { ...text, formatter: short, hideOverlap: true },
    },
    yAxis: {
      type: "value",
      minInterval: 1,
      splitNumber: 4,
      axisLabel: { ...text, formatter: (value: number) => count(lang, value) },
      splitLine: { lineStyle: { color: colour("--line"), opacity: 0.7 } },
    },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: colour("--hover") } },
      confine: true,
      padding: 0,
      borderWidth: 0,
      backgroundColor: "transparent",
      extraCssText: "box-shadow:none",
      // An element, not a string: ECharts would read a string as HTML, and names come from logs.
      formatter: (params: { dataIndex: number }[]) => tooltip(series, params[0]?.dataIndex ?? 0, lang, t, colours),
    },
    series: series.categories.map(({ category, counts }) => ({
      type: "bar",
      name: nameOf(t, category),
      stack: "failed",
      data: counts,
      itemStyle: { color: colour(colours(category)) },
      barMaxWidth: 26,
      barCategoryGap: "22%",
      emphasis: { disabled: true },
    })),
  };
}

function tooltip(series: Series, index: number, lang: Lang, t: Messages, colours: ColourOf): HTMLElement {
  const box = element("div", "chart-tip");
  box.append(element("p", "chart-tip-slot", series.slots[index] ?? ""));
  for (const { category, counts } of series.categories) {
    if (!counts[index]) continue;
    const row = element("p", "");
    const swatch = element("span", "swatch");
    swatch.style.background = `var(${colours(category)})`;
    row.append(swatch, element("span", "", nameOf(t, category)), element("b", "", count(lang, counts[index])));
    box.append(row);
  }
  const [failed, succeeded] = [series.failed[index] ?? 0, series.succeeded[index] ?? 0];
  box.append(element("p", "chart-tip-foot", t.overview.attemptsOf(failed, succeeded)));
  return box;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}
