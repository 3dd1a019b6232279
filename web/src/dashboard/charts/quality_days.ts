// Quality by UTC day, as a chart needs it: nothing where nothing was measured or is shown. Pure.

import type { QualityRow } from "../service/figures.ts";
import { daysUntil } from "./days.ts";

export const QUALITY_METRICS = [
  "bitrate",
  "height",
  "startup",
  "stalled",
  "stalls",
  "score",
] as const;
export type QualityMetric = (typeof QUALITY_METRICS)[number];

/** A day; `row` is undefined where nothing was measured. */
export interface QualityDay {
  day: string;
  row: QualityRow | undefined;
}

const DENSE_DAYS = 45; // more points than these would hide their line

/** Every day from `since`, or from the first that was measured, until today. */
export function qualityDays(
  rows: readonly QualityRow[],
  since: string | null,
  now: Date,
): QualityDay[] {
  const byDay = new Map(rows.map((row) => [row.of, row]));
  return daysUntil(now, since, byDay.keys()).map((day) => ({ day, row: byDay.get(day) }));
}

export function qualityOf(row: QualityRow | undefined, metric: QualityMetric): number | null {
  if (!row) return null;
  const { bitrate, height, startup_ms: startup, stall_ratio: stalled, stalls } = row;
  return { bitrate, height, startup, stalled, stalls, score: row.startup_score }[metric];
}

/** The points to be marked: those between gaps, which no line shows, or all of few days. */
export function markedPoints(values: readonly (number | null)[]): number[] {
  const isThere = (index: number) => typeof values[index] === "number";
  const isAlone = (index: number) => !isThere(index - 1) && !isThere(index + 1);
  return values.flatMap((_, index) =>
    isThere(index) && (values.length <= DENSE_DAYS || isAlone(index)) ? [index] : [],
  );
}
