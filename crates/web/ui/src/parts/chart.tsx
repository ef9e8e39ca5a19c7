// Apache ECharts in a React box: only the parts we draw with, resized and re-coloured with the page.

import { BarChart } from "echarts/charts";
import { AxisPointerComponent, GridComponent, TooltipComponent } from "echarts/components";
import { type EChartsCoreOption, init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { useEffect, useRef, useState } from "react";

// SVG rather than canvas: sharp at any zoom and in print, and a test can count what was drawn.
use([BarChart, GridComponent, TooltipComponent, AxisPointerComponent, SVGRenderer]);

/** The page's colours, which ECharts wants as values. */
export type Colours = (name: string) => string;

const DARK = "(prefers-color-scheme: dark)";

export function Chart(props: {
  /** Builds the drawing from the present colours. */
  option: (colour: Colours) => EChartsCoreOption;
  label: string;
  height: number;
  /** A slot of the category axis was clicked. */
  onSlot?: (index: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<ReturnType<typeof init>>(undefined);
  const onSlot = useRef(props.onSlot);
  onSlot.current = props.onSlot;
  const [scheme, setScheme] = useState(() => matchMedia(DARK).matches);

  useEffect(() => {
    const media = matchMedia(DARK);
    const changed = () => setScheme(media.matches);
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, []);

  useEffect(() => {
    const element = box.current!;
    const made = init(element, null, { renderer: "svg" });
    chart.current = made;
    const resize = new ResizeObserver(() => made.resize());
    resize.observe(element);
    // A click anywhere above a slot counts, also where its bar is too small to hit.
    made.getZr().on("click", (event) => {
      const point = [event.offsetX, event.offsetY];
      if (!made.containPixel({ gridIndex: 0 }, point)) return;
      const [slot] = made.convertFromPixel({ gridIndex: 0 }, point) as number[];
      if (slot !== undefined) onSlot.current?.(Math.round(slot));
    });
    return () => {
      resize.disconnect();
      made.dispose();
    };
  }, []);

  const { option } = props;
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    chart.current?.setOption(
      option((name) => style.getPropertyValue(name).trim()),
      { notMerge: true },
    );
  }, [option, scheme]);

  return <div ref={box} className="chart" role="img" aria-label={props.label} style={{ minHeight: props.height }} />;
}
