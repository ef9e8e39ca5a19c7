// Small drawings of figures by day, without the charting library: bars, and lines of what has come together by then.

import { type ReactNode, useState } from "react";
import { count, slots } from "../format";
import { useLang } from "../i18n";
import { LogText } from "./log-text";

export interface Bar {
  t: string;
  value: number;
  /** Said of it beside the value. */
  note?: string;
}

const BAR_MAX_PX = 56;

/** Bars by day. The figures stand below as a table too. */
export function Bars(props: { bars: Bar[]; title: string; unit: string }) {
  const { lang } = useLang();
  const { title, unit } = props;
  const bars = everyDay(props.bars);
  const max = Math.max(1, ...bars.map(({ value }) => value));
  // Of a few days bars would be doors.
  const width = { maxWidth: `${bars.length * BAR_MAX_PX}px` };
  const said = ({ t, value, note }: Bar) => `${t}: ${count(lang, value)} ${unit}${note ? ` · ${note}` : ""}`;
  return (
    <div className="days">
      <div className="days-plot">
        <span className="days-max num">{count(lang, max)}</span>
        <div className="days-bars" role="img" aria-label={title} style={width}>
          {bars.map((bar) => (
            <span key={bar.t} title={said(bar)}>
              <span style={{ height: `${(bar.value / max) * 100}%` }} />
            </span>
          ))}
        </div>
      </div>
      <p className="days-axis mono" style={bars.length > 3 ? width : undefined}>
        <span>{bars[0]?.t}</span>
        {bars.length > 1 && <span>{bars.at(-1)?.t}</span>}
      </p>
      <Table head={["", unit]} rows={bars.map((bar) => [bar.t, count(lang, bar.value)])} title={title} />
    </div>
  );
}

/** The same with a bar of nothing for each day that is not told of: a quiet day is an answer, and keeps the days apart. */
export function everyDay(bars: Bar[]): Bar[] {
  const [first, last] = [bars[0]?.t, bars.at(-1)?.t];
  if (first === undefined || last === undefined) return [];
  const told = new Map(bars.map((bar) => [bar.t, bar]));
  return slots({ charted_from: first, to: last, step: "day" }).map((t) => told.get(t) ?? { t, value: 0 });
}

export interface Line {
  name: string;
  /** The style of the line and of its swatch. */
  kind: "own" | "other" | "bad";
  points: { x: number; y: number }[];
}

/** Lines over days since the first one. */
export function Lines(props: { lines: Line[]; title: string; axis: [from: string, to: string]; head: string }) {
  const { lang } = useLang();
  const { lines, title, axis } = props;
  const all = lines.flatMap(({ points }) => points);
  const [maxX, maxY] = [Math.max(1, ...all.map(({ x }) => x)), Math.max(1, ...all.map(({ y }) => y))];
  const path = ({ points }: Line) =>
    points.map(({ x, y }, at) => `${at === 0 ? "M" : "L"}${(x / maxX) * 100} ${100 - (y / maxY) * 100}`).join("");
  const xs = [...new Set(all.map(({ x }) => x))].sort((a, b) => a - b);
  return (
    <div className="days">
      <ul className="legend">
        {lines.map(({ name, kind }) => (
          <li key={name}>
            <span className={`swatch line-${kind}`} aria-hidden="true" /> <LogText text={name} />
          </li>
        ))}
      </ul>
      <div className="days-plot">
        <span className="days-max num">{count(lang, maxY)}</span>
        <svg className="days-lines" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label={title}>
          {lines.map((line) => (
            <path key={line.name} d={path(line)} className={`line-${line.kind}`} />
          ))}
        </svg>
      </div>
      <p className="days-axis mono">
        <span>{axis[0]}</span>
        <span>{axis[1]}</span>
      </p>
      <Table
        head={[props.head, ...lines.map(({ name }) => name)]}
        rows={xs.map((x) => [
          String(x),
          ...lines.map(({ points }) => {
            const at = points.find((point) => point.x === x);
            return at ? count(lang, at.y) : "–";
          }),
        ])}
        title={title}
      />
    </div>
  );
}

/** The figures behind a drawing, for those who cannot see it and for those who want to copy them. */
function Table({ head, rows, title }: { head: string[]; rows: string[][]; title: string }) {
  const { t } = useLang();
  const [open, setOpen] = useState(false);
  const cell = (text: string, at: number): ReactNode =>
    at === 0 ? (
      <th scope="row" key={at} className="mono nowrap">
        {text}
      </th>
    ) : (
      <td key={at} className="num">
        {text}
      </td>
    );
  return (
    <details className="figures" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t.overview.table}</summary>
      {open && (
        <div className="scroll" tabIndex={0} role="group" aria-label={title}>
          <table className="grid">
            <thead>
              <tr>
                {head.map((text, at) => (
                  <th key={at} scope="col" className={at === 0 ? undefined : "num"}>
                    <LogText text={text || t.overview.range} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row[0]}>{row.map(cell)}</tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
