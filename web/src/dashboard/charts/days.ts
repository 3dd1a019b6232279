// Figures by UTC day, as a chart needs them: with the days on which nothing was watched. Pure.

import type { DayFigures } from "../service/figures.ts";

export const PERIODS = ["week", "month", "quarter", "all"] as const;
export type Period = (typeof PERIODS)[number];

export const METRICS = ["viewers", "watched", "sessions", "bytes"] as const;
export type Metric = (typeof METRICS)[number];

const DAYS: Record<Period, number | null> = { week: 7, month: 30, quarter: 90, all: null };
const DAY_MS = 86_400_000;
const FEWEST_DAYS = 7; // a chart of one bar says nothing

/** The first day of a period that ends with `now`; null for all time. */
export function firstDay(period: Period, now: Date): string | null {
  const days = DAYS[period];
  return days === null ? null : dayBefore(now.getTime(), days - 1);
}

/** Every day from `since`, or from the first that is known, until today. */
export function everyDay(
  known: readonly DayFigures[],
  since: string | null,
  now: Date,
): DayFigures[] {
  const byDay = new Map(known.map((figures) => [figures.day, figures]));
  return daysUntil(now, since, byDay.keys()).map(
    (day) => byDay.get(day) ?? { day, viewers: 0, sessions: 0, watched_seconds: 0, bytes: 0 },
  );
}

/** All days from `since`, or from the first that is known, until today. */
export function daysUntil(now: Date, since: string | null, known: Iterable<string>): string[] {
  const least = dayBefore(now.getTime(), FEWEST_DAYS - 1);
  const first = since ?? [least, ...known].sort()[0] ?? least;
  const days: string[] = [];
  for (let at = Date.parse(first); at <= now.getTime(); at += DAY_MS) days.push(dayBefore(at, 0));
  return days;
}

/** The figure that a chart shows; watched time in hours. */
export function figureOf(figures: DayFigures, metric: Metric): number {
  return metric === "watched" ? figures.watched_seconds / 3600 : figures[metric];
}

function dayBefore(atMs: number, days: number): string {
  return new Date(atMs - days * DAY_MS).toISOString().slice(0, 10);
}
