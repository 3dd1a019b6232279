// A figure of quality over the days, as a line; the chosen day in words.

import { useMemo, useState } from "preact/hooks";
import type uPlot from "uplot";
import { Choice } from "../../design/choice.tsx";
import { day, text } from "../../texts/texts.ts";
import type { Colours } from "../charts/colours.ts";
import { axis, marksAlong, Plot, type PlotOptions } from "../charts/plot.tsx";
import {
  markedPoints,
  QUALITY_METRICS,
  type QualityDay,
  type QualityMetric,
  qualityDays,
  qualityOf,
} from "../charts/quality_days.ts";
import { dayTicks, WHOLE_STEPS } from "../charts/ticks.ts";
import type { QualityRow } from "../service/figures.ts";
import { figureText } from "./words.ts";

const HEIGHT_PX = 220;
const MARK_PX = 72;
const Y_SIZE_PX = 80;
const MOST_POINTS = 100; // of a startup score

interface QualityChartProps {
  rows: readonly QualityRow[];
  /** The first day of the chosen period; null for all time. */
  since: string | null;
}

export function QualityChart({ rows, since }: QualityChartProps) {
  const [metric, setMetric] = useState<QualityMetric>("bitrate");
  const [chosen, choose] = useState<number | null>(null);
  const days = useMemo(() => qualityDays(rows, since, new Date()), [rows, since]);
  const data = useMemo<uPlot.AlignedData>(
    () => [days.map((_, index) => index), days.map(({ row }) => qualityOf(row, metric))],
    [days, metric],
  );
  const shown = days[Math.min(chosen ?? days.length - 1, days.length - 1)];
  return (
    <section class="card chart quality__chart" aria-labelledby="quality-days-title">
      <header class="chart__head">
        <div>
          <h3 id="quality-days-title">{text("dashboard.quality.byDay")}</h3>
          <p class="quiet number">{shown && sentenceOf(shown, metric)}</p>
        </div>
        <Choice
          label={text("dashboard.figure")}
          names={QUALITY_METRICS}
          current={metric}
          titleOf={(name) => text(`dashboard.quality.metrics.${name}`)}
          choose={setMetric}
        />
      </header>
      <Plot
        label={text("dashboard.quality.byDay")}
        data={data}
        height={HEIGHT_PX}
        shape={`${metric}/${days[0]?.day}/${days.length}`}
        options={(colours) => line(colours, days, metric)}
        index={chosen}
        choose={choose}
        inWords={(index) => (days[index] ? sentenceOf(days[index], metric) : "")}
      />
    </section>
  );
}

function line(colours: Colours, days: readonly QualityDay[], metric: QualityMetric): PlotOptions {
  const label = (index: number) => (days[index] ? day(days[index].day, "short") : "");
  const values = days.map(({ row }) => qualityOf(row, metric));
  return {
    scales: {
      x: { time: false, range: () => [-0.4, days.length - 0.6] },
      y: { range: (_, __, most) => [0, metric === "score" ? MOST_POINTS : (most || 1) * 1.08] },
    },
    axes: [
      axis(colours, {
        grid: { show: false },
        splits: (plot) => dayTicks(days.length, marksAlong(plot, MARK_PX)),
        values: (_, marks) => marks.map(label),
      }),
      axis(colours, {
        size: Y_SIZE_PX,
        ...(metric === "stalls" ? { incrs: WHOLE_STEPS } : {}),
        values: (_, marks) => marks.map((value) => figureText(metric, value)),
      }),
    ],
    series: [
      {},
      {
        stroke: colours.accent,
        width: 2,
        points: {
          show: true,
          size: 6,
          fill: colours.accent,
          filter: () => markedPoints(values),
        },
      },
    ],
  };
}

function sentenceOf({ day: at, row }: QualityDay, metric: QualityMetric): string {
  return text("dashboard.onDay", { day: day(at), figure: inWords(row, metric) });
}

function inWords(row: QualityRow | undefined, metric: QualityMetric): string {
  if (row?.withheld) return text("dashboard.quality.withheldDay");
  const value = qualityOf(row, metric);
  if (value === null) return text("dashboard.quality.unmeasuredDay");
  const name = text(`dashboard.quality.metrics.${metric}`);
  return text("dashboard.quality.metricOnDay", { name, value: figureText(metric, value) });
}
