// Failed attempts over time, each on its own day, by the category of its cause.

import { useMemo, useState } from "react";
import type { Overview } from "../api";
import { count } from "../format";
import { type Messages, useLang, word } from "../i18n";
import { Link, go } from "../nav";
import { Chart } from "../parts/chart";
import { Swatch } from "../parts/small";
import { Empty, Panel } from "../parts/states";
import { type Filters, overviewUrl, toggled } from "../url";
import { REST, type Series, marksBySlot } from "./overview-series";

export function OverTime(props: {
  series: Series;
  range: Overview["range"];
  filters: Filters;
  marks: Overview["marks"];
  /** The custom property of a category's colour. */
  colours: (category: string) => string;
}) {
  const { lang, t } = useLang();
  const [open, setOpen] = useState(false);
  const { series, range, marks, filters, colours } = props;
  const stacks = useMemo(
    () => series.categories.map(({ category, counts }) => ({ key: category, colour: colours(category), counts })),
    [series, colours],
  );

  const bySlot = useMemo(() => marksBySlot(marks, series.slots), [marks, series]);
  const marked = useMemo(() => new Set(bySlot.keys()), [bySlot]);

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
            slots={series.slots}
            stacks={stacks}
            label={`${t.overview.overTime}. ${t.overview.overTimeHint}`}
            marked={marked}
            tip={(index) => <Told series={series} index={index} marks={bySlot.get(index) ?? []} />}
            onSlot={narrow}
          />
        </>
      )}
      {marks.length > 0 && (
        <p className="cut muted rule-marks">
          <span className="swatch mark" aria-hidden="true" /> {t.ruleMarks.title}:{" "}
          {marks.map(({ at, what }) => `${at.slice(0, 10)} ${word(t.ruleMarks.what, what)}`).join(" · ")}
        </p>
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

/** What is told of a slot under the pointer. */
function Told({ series, index, marks }: { series: Series; index: number; marks: string[] }) {
  const { lang, t } = useLang();
  return (
    <>
      <p className="chart-tip-slot">{series.slots[index]}</p>
      {series.categories
        .filter(({ counts }) => counts[index]! > 0)
        .map(({ category, counts }) => (
          <p key={category}>
            <Swatch category={category} /> <span>{nameOf(t, category)}</span> <b>{count(lang, counts[index]!)}</b>
          </p>
        ))}
      {marks.map((what) => (
        <p key={what}>
          {t.ruleMarks.title}: {word(t.ruleMarks.what, what)}
        </p>
      ))}
      <p className="chart-tip-foot">{t.overview.attemptsOf(series.failed[index]!, series.succeeded[index]!)}</p>
    </>
  );
}
