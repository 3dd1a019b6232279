// A figure of quality over the days, as a line; the chosen day in words.

import { useMemo } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { DailyChart, type DailyFigures } from "../charts/daily_chart.tsx";
import {
  markedPoints,
  QUALITY_METRICS,
  type QualityDay,
  type QualityMetric,
  qualityDays,
  qualityOf,
} from "../charts/quality_days.ts";
import type { QualityRow } from "../service/figures.ts";
import { figureText } from "./words.ts";

const MOST_POINTS = 100; // of a startup score

const QUALITY: DailyFigures<QualityDay, QualityMetric> = {
  metrics: QUALITY_METRICS,
  nameOf,
  valueOf: ({ row }, metric) => qualityOf(row, metric),
  inWords,
  axisText: (value, metric) => figureText(metric, value),
  isWhole: (metric) => metric === "stalls",
  highest: (most, metric) => (metric === "score" ? MOST_POINTS : (most || 1) * 1.08),
  series: (colours, values) => ({
    stroke: colours.accent,
    width: 2,
    points: {
      show: true,
      size: 6,
      fill: colours.accent,
      filter: () => markedPoints(values),
    },
  }),
  heightPx: 220,
  axisPx: 80,
  margin: 0.4,
  hasCursorPoints: true,
};

interface QualityChartProps {
  rows: readonly QualityRow[];
  /** The first day of the chosen period; null for all time. */
  since: string | null;
}

export function QualityChart({ rows, since }: QualityChartProps) {
  const days = useMemo(() => qualityDays(rows, since, new Date()), [rows, since]);
  return (
    <DailyChart
      title={text("dashboard.quality.byDay")}
      titleId="quality-days-title"
      titleTag="h3"
      class="quality__chart"
      figures={QUALITY}
      days={days}
    />
  );
}

function nameOf(metric: QualityMetric): string {
  return text(`dashboard.quality.metrics.${metric}`);
}

function inWords({ row }: QualityDay, metric: QualityMetric): string {
  if (row?.withheld) return text("dashboard.quality.withheldDay");
  const value = qualityOf(row, metric);
  if (value === null) return text("dashboard.quality.unmeasuredDay");
  const shown = { name: nameOf(metric), value: figureText(metric, value) };
  return text("dashboard.quality.metricOnDay", shown);
}
