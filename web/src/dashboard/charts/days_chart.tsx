// A figure by day, as bars; the chosen day in words, and all of them as a table.

import { useMemo } from "preact/hooks";
import uPlot from "uplot";
import { Pager, usePages } from "../../design/pager.tsx";
import { bytes, day, number, text, timeSum } from "../../texts/texts.ts";
import type { DayFigures } from "../service/figures.ts";
import { DailyChart, type DailyFigures } from "./daily_chart.tsx";
import { everyDay, figureOf, METRICS, type Metric } from "./days.ts";

const VIEWING: DailyFigures<DayFigures, Metric> = {
  metrics: METRICS,
  nameOf: (metric) => text(`dashboard.metrics.${metric}`),
  valueOf: figureOf,
  inWords,
  axisText,
  isWhole: (metric) => metric === "viewers" || metric === "sessions",
  highest: (most) => (most > 0 ? most * 1.08 : 1),
  series: (colours) => {
    const paths = uPlot.paths.bars?.({ size: [0.72, 44], radius: 0.12 });
    return {
      fill: colours.accent,
      stroke: colours.accent,
      width: 0,
      points: { show: false },
      ...(paths && { paths }),
    };
  },
  heightPx: 240,
  axisPx: 64,
  margin: 0.6,
  hasCursorPoints: false,
};

interface DaysChartProps {
  days: readonly DayFigures[];
  /** The first day of the chosen period; null for all time. */
  since: string | null;
}

export function DaysChart({ days: known, since }: DaysChartProps) {
  const days = useMemo(() => everyDay(known, since, new Date()), [known, since]);
  return (
    <DailyChart
      title={text("dashboard.byDay")}
      titleId="days-title"
      titleTag="h2"
      figures={VIEWING}
      days={days}
    >
      <DaysTable days={known} />
    </DailyChart>
  );
}

function axisText(value: number, metric: Metric): string {
  if (metric === "bytes") return bytes(value);
  return metric === "watched" ? timeSum(value * 3600) : number(value);
}

function inWords(one: DayFigures, metric: Metric): string {
  const figures = {
    viewers: () => text("dashboard.viewersOn", { count: one.viewers }),
    watched: () => text("dashboard.watchedOn", { time: timeSum(one.watched_seconds) }),
    sessions: () => text("dashboard.sessionsOn", { count: one.sessions }),
    bytes: () => text("dashboard.sentOn", { size: bytes(one.bytes) }),
  };
  return figures[metric]();
}

/** The same figures for who reads rather than looks. */
function DaysTable({ days }: { days: readonly DayFigures[] }) {
  const pages = usePages(useMemo(() => [...days].reverse(), [days]));
  if (!days.length) return null;
  return (
    <details class="chart__table">
      <summary>{text("dashboard.asTable")}</summary>
      <div class="table-frame">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{text("dashboard.day")}</th>
              <th scope="col">{text("dashboard.metrics.viewers")}</th>
              <th scope="col">{text("dashboard.metrics.watched")}</th>
              <th scope="col" class="wide-only">
                {text("dashboard.metrics.sessions")}
              </th>
              <th scope="col" class="wide-only">
                {text("dashboard.metrics.bytes")}
              </th>
            </tr>
          </thead>
          <tbody>
            {pages.shown.map((one) => (
              <tr key={one.day}>
                <th scope="row">{day(one.day)}</th>
                <td>{number(one.viewers)}</td>
                <td>{timeSum(one.watched_seconds)}</td>
                <td class="wide-only">{number(one.sessions)}</td>
                <td class="wide-only">{bytes(one.bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager pages={pages} />
    </details>
  );
}
