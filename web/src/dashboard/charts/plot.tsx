// A chart by uPlot as wide as its place, in the colours of the scheme. Pointer and arrow keys choose
// a point, whose figures the page shows beside it and screen readers hear.

import { effect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { type Colours, readColours, schemeVersion } from "./colours.ts";

const PAGE_OF_POINTS = 10;
const PADDING_PX = 16; // of marks at the right end; the strip below a curve ends there, too
const TEXT_PX = 12;
const X_SIZE_PX = 32;

export type PlotOptions = Omit<uPlot.Options, "width" | "height">;

interface PlotProps {
  /** What the chart shows. */
  label: string;
  data: uPlot.AlignedData;
  height: number;
  /** Called anew when `shape` or the scheme changes; new data alone redraw. */
  options: (colours: Colours) => PlotOptions;
  shape: string;
  /** The chosen point; null for none. */
  index: number | null;
  choose: (index: number) => void;
  /** The figures of a point in words. */
  inWords: (index: number) => string;
}

export function Plot(props: PlotProps) {
  const { label, data, height, shape, index, inWords } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const latest = useRef(props);
  latest.current = props;
  const last = data[0].length - 1;
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    // At once when the colours change: a page that is printed waits for no rendering.
    const stopDrawing = effect(() => {
      schemeVersion.value;
      const drawn = draw(element, latest);
      plot.current = drawn;
      showCursor(drawn, latest.current.index);
      return () => drawn.destroy();
    });
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height });
      if (plot.current) showCursor(plot.current, latest.current.index);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      stopDrawing();
    };
  }, [shape, height]);
  useEffect(() => plot.current?.setData(data), [data]);
  useEffect(() => {
    if (plot.current) showCursor(plot.current, index);
  }, [index, data, shape]);
  return (
    <div
      ref={place}
      class="plot"
      role="slider"
      tabIndex={0}
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={index ?? 0}
      aria-valuetext={inWords(index ?? last)}
      style={{ height: `${height}px` }}
      onKeyDown={(event) => {
        const next = pointByKey(event.key, index ?? last, last);
        if (next === null) return;
        event.preventDefault();
        props.choose(next);
      }}
    />
  );
}

function draw(element: HTMLElement, latest: { current: PlotProps }): uPlot {
  const { options, data, height } = latest.current;
  const built = options(readColours());
  // Without an event it is this page that moved the cursor.
  const noteCursor = ({ cursor: { idx, event } }: uPlot) => {
    if (event && typeof idx === "number" && idx !== latest.current.index)
      latest.current.choose(idx);
  };
  const complete: uPlot.Options = {
    legend: { show: false },
    padding: [8, PADDING_PX, 0, 0],
    ...built,
    cursor: { y: false, drag: { setScale: false, x: false, y: false }, ...built.cursor },
    hooks: { ...built.hooks, setCursor: [noteCursor] },
    width: element.clientWidth,
    height,
  };
  return new uPlot(complete, data, element);
}

function showCursor(plot: uPlot, index: number | null) {
  const at = index === null ? undefined : plot.data[0][index];
  if (at === undefined || plot.cursor.idx === index) return;
  plot.setCursor({ left: plot.valToPos(at, "x"), top: 0 }, false);
}

/** Where a key leads; null for keys that lead nowhere. */
function pointByKey(key: string, index: number, last: number): number | null {
  const places: Record<string, number> = {
    ArrowRight: index + 1,
    ArrowUp: index + 1,
    ArrowLeft: index - 1,
    ArrowDown: index - 1,
    PageUp: index + PAGE_OF_POINTS,
    PageDown: index - PAGE_OF_POINTS,
    Home: 0,
    End: last,
  };
  const place = places[key];
  return place === undefined ? null : Math.min(last, Math.max(0, place));
}

/** An axis in the design's type; `values` writes its marks. */
export function axis(colours: Colours, more: uPlot.Axis): uPlot.Axis {
  return {
    size: X_SIZE_PX,
    stroke: colours["text-quiet"],
    font: [`${TEXT_PX}px`, colours.font].join(" "),
    grid: { stroke: colours.border, width: 1 },
    ticks: { show: false },
    ...more,
  };
}

/** How many marks fit along the width of a chart. */
export function marksAlong(plot: uPlot, widthPx: number): number {
  return Math.max(2, Math.floor(plot.width / widthPx));
}
