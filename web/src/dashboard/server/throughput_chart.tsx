// Bytes that the service sends, over the minutes since the page was opened.

import { useMemo, useState } from "preact/hooks";
import type uPlot from "uplot";
import { bytes, number, text, timeOfDay } from "../../texts/texts.ts";
import type { Colours } from "../charts/colours.ts";
import { axis, marksAlong, Plot, type PlotOptions } from "../charts/plot.tsx";
import type { Rate } from "../charts/rates.ts";
import { dayTicks } from "../charts/ticks.ts";

const HEIGHT_PX = 200;
const MARK_PX = 110;
const Y_SIZE_PX = 72;
const PADDING_PX = 36; // of the newest time, at the right end
const FEWEST_RATES = 24; // of two minutes: the newest is at the right from the beginning

export function ThroughputChart({ rates }: { rates: readonly Rate[] }) {
  const [chosenMs, chooseMs] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(
    () => [rates.map((_, index) => index), rates.map(({ bytesPerS }) => bytesPerS)],
    [rates],
  );
  const found = rates.findIndex(({ atMs }) => atMs === chosenMs);
  const shown = rates[found] ?? rates.at(-1);
  return (
    <section class="card chart" aria-labelledby="throughput-title">
      <header class="chart__head">
        <div>
          <h2 id="throughput-title">{text("dashboard.server.throughput")}</h2>
          <p class="quiet number">
            {shown ? sentenceOf(shown) : text("dashboard.server.measuring")}
          </p>
        </div>
      </header>
      {rates.length > 0 && (
        <Plot
          label={text("dashboard.server.throughput")}
          data={data}
          height={HEIGHT_PX}
          shape={`${rates.length}/${rates[0]?.atMs}`}
          options={(colours) => line(colours, rates)}
          index={found < 0 ? null : found}
          choose={(index) => chooseMs(rates[index]?.atMs ?? null)}
          inWords={(index) => (rates[index] ? sentenceOf(rates[index]) : "")}
        />
      )}
    </section>
  );
}

function line(colours: Colours, rates: readonly Rate[]): PlotOptions {
  const label = (index: number) => (rates[index] ? timeOfDay(rates[index].atMs) : "");
  return {
    padding: [8, PADDING_PX, 0, 0],
    scales: {
      x: { time: false, range: () => [Math.min(0, rates.length - FEWEST_RATES), rates.length - 1] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1000] },
    },
    axes: [
      axis(colours, {
        grid: { show: false },
        splits: (plot) => timeTicks(rates.length, marksAlong(plot, MARK_PX)),
        values: (_, marks) => marks.map(label),
      }),
      axis(colours, {
        size: Y_SIZE_PX,
        values: (_, marks) => marks.map((value) => bytes(value)),
      }),
    ],
    series: [
      {},
      {
        stroke: colours.accent,
        fill: colours["accent-soft"],
        width: 2,
        points: { show: rates.length < 3 },
      },
    ],
  };
}

/** Marks that fit, though the first minutes fill a part of the width alone. */
function timeTicks(count: number, most: number): number[] {
  const room = Math.max(FEWEST_RATES, count);
  const marks = dayTicks(room, most).map((index) => index - room + count);
  return marks.filter((index) => index >= 0);
}

function sentenceOf({ atMs, bytesPerS, reportsPerS }: Rate): string {
  return text("dashboard.server.rate", {
    time: timeOfDay(atMs),
    size: bytes(bytesPerS),
    reports: number(reportsPerS, 1),
  });
}
