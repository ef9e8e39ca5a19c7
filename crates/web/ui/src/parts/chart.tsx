// Stacked bars over slots of time, drawn here: one drawing on one page is not worth a library larger than all of its pages.

import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { count } from "../format";
import { useLang } from "../i18n";

export interface Stack {
  key: string;
  /** The custom property of its colour. */
  colour: string;
  /** By slot. */
  counts: number[];
}

const HEIGHT = 248;
/** Around the bars: room for the figures at the left and the slots below. */
const EDGE = { left: 44, right: 16, top: 10, bottom: 24 };
const BAR_MAX_PX = 26;
/** Of a slot; the rest keeps the bars apart. */
const BAR_SHARE = 0.78;
/** A slot's name with air around it. */
const NAME_PX = 52;
/** What a tip needs beside the pointer, and how far it keeps from it. */
const TIP_PX = 230;
const TIP_AWAY_PX = 14;

export function Chart(props: {
  slots: string[];
  /** The first stands at the bottom. */
  stacks: Stack[];
  label: string;
  /** What is told of a slot under the pointer. */
  tip: (index: number) => ReactNode;
  /** Slots in which something happened that changes what the figures mean. */
  marked?: ReadonlySet<number>;
  /** A slot was clicked, also where its bar is too small to hit. */
  onSlot: (index: number) => void;
}) {
  const { slots, stacks, label, marked, tip, onSlot } = props;
  const { lang } = useLang();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [at, setAt] = useState<number | null>(null);
  const across = Math.max(0, width - EDGE.left - EDGE.right);
  const each = across / slots.length;

  const slotAt = (x: number): number | null => {
    const index = Math.floor((x - box.current!.getBoundingClientRect().left - EDGE.left) / each);
    return index >= 0 && index < slots.length ? index : null;
  };
  // The pointer moves far more often than the figures do.
  const drawn = useMemo(() => {
    const high = HEIGHT - EDGE.top - EDGE.bottom;
    const ticks = ticksOf(Math.max(0, ...slots.map((_, slot) => sum(stacks, slot))));
    const y = (value: number) => EDGE.top + high * (1 - value / ticks.at(-1)!);
    const middle = (slot: number) => EDGE.left + each * (slot + 0.5);
    const bar = Math.min(BAR_MAX_PX, each * BAR_SHARE);
    const step = Math.max(1, Math.ceil(NAME_PX / each));
    return (
      <>
        {ticks.map((value) => (
          <g key={value}>
            <line x1={EDGE.left} x2={width - EDGE.right} y1={y(value)} y2={y(value)} />
            <text x={EDGE.left - 6} y={y(value) + 4} textAnchor="end">
              {count(lang, value)}
            </text>
          </g>
        ))}
        {slots.map((slot, index) => {
          let below = 0;
          return (
            <g key={slot}>
              {stacks.map(({ key, colour, counts }) => {
                const value = counts[index]!;
                if (value === 0) return null;
                below += value;
                return (
                  <rect
                    key={key}
                    className="bar"
                    x={middle(index) - bar / 2}
                    y={y(below)}
                    width={bar}
                    height={y(below - value) - y(below)}
                    style={{ fill: `var(${colour})` }}
                  />
                );
              })}
              {marked?.has(index) && (
                <line className="mark" x1={middle(index)} x2={middle(index)} y1={EDGE.top} y2={HEIGHT - EDGE.bottom} />
              )}
              {index % step === 0 && (
                <text x={middle(index)} y={HEIGHT - 6} textAnchor="middle">
                  {/* Hours of one day need no date, days of one year no year. */}
                  {slot.length > 10 ? slot.slice(11) : slot.slice(5)}
                </text>
              )}
            </g>
          );
        })}
      </>
    );
  }, [slots, stacks, marked, lang, width, each]);

  return (
    <div ref={box} className="chart" style={{ minHeight: HEIGHT }}>
      {across > 0 && (
        <svg
          viewBox={`0 0 ${width} ${HEIGHT}`}
          role="img"
          aria-label={label}
          onPointerMove={(event) => setAt(slotAt(event.clientX))}
          onPointerLeave={() => setAt(null)}
          onClick={(event) => {
            const slot = slotAt(event.clientX);
            if (slot !== null) onSlot(slot);
          }}
        >
          {at !== null && (
            <rect
              className="under"
              x={EDGE.left + each * at}
              y={EDGE.top}
              width={each}
              height={HEIGHT - EDGE.top - EDGE.bottom}
            />
          )}
          {drawn}
        </svg>
      )}
      {at !== null && at < slots.length && (
        <div className="chart-tip" style={placeOf(EDGE.left + each * (at + 0.5), width)}>
          {tip(at)}
        </div>
      )}
    </div>
  );
}

const sum = (stacks: Stack[], slot: number) => stacks.reduce((total, { counts }) => total + counts[slot]!, 0);

/** Beside the pointer where there is room, else over it, but never past an edge. */
function placeOf(x: number, width: number): React.CSSProperties {
  if (width - x > TIP_PX + TIP_AWAY_PX) return { left: x + TIP_AWAY_PX };
  if (x > TIP_PX + TIP_AWAY_PX) return { right: width - x + TIP_AWAY_PX };
  return { left: x, transform: `translateX(-${(x / width) * 100}%)` };
}

/** Round numbers from 0 up to at least `max`, at most six of them. */
export function ticksOf(max: number): number[] {
  const least = Math.max(1, max / 5);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= least)!;
  return Array.from({ length: Math.max(1, Math.ceil(max / step)) + 1 }, (_, index) => index * step);
}

function useWidth(box: React.RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const sized = new ResizeObserver(() => setWidth(box.current?.clientWidth ?? 0));
    sized.observe(box.current!);
    return () => sized.disconnect();
  }, [box]);
  return width;
}
