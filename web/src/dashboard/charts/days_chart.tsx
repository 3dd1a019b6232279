// A figure by day, as bars; the chosen day in words, and all of them as a table.

import { useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import { Choice } from "../../design/choice.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { bytes, day, number, text, timeSum } from "../../texts/texts.ts";
import type { DayFigures } from "../service/figures.ts";
import type { Colours } from "./colours.ts";
import { everyDay, figureOf, METRICS, type Metric } from "./days.ts";
import { axis, marksAlong, Plot, type PlotOptions } from "./plot.tsx";
import { dayTicks, WHOLE_STEPS } from "./ticks.ts";

const HEIGHT_PX = 240;
const MARK_PX = 72;
const Y_SIZE_PX = 64;

interface DaysChartProps {
  days: readonly DayFigures[];
  /** The first day of the chosen period; null for all time. */
  since: string | null;
}

export function DaysChart({ days: known, since }: DaysChartProps) {
  const [metric, setMetric] = useState<Metric>("viewers");
  const [chosen, choose] = useState<number | null>(null);
  const days = useMemo(() => everyDay(known, since, new Date()), [known, since]);
  const data = useMemo<uPlot.AlignedData>(
    () => [days.map((_, index) => index), days.map((one) => figureOf(one, metric))],
    [days, metric],
  );
  const shown = days[Math.min(chosen ?? days.length - 1, days.length - 1)];
  const inWords = (index: number) => (days[index] ? sentenceOf(days[index], metric) : "");
  return (
    <section class="card chart" aria-labelledby="days-title">
      <header class="chart__head">
        <div>
          <h2 id="days-title">{text("dashboard.byDay")}</h2>
          <p class="quiet number">{shown && sentenceOf(shown, metric)}</p>
        </div>
        <Choice
          label={text("dashboard.figure")}
          names={METRICS}
          current={metric}
          titleOf={(name) => text(`dashboard.metrics.${name}`)}
          choose={setMetric}
        />
      </header>
      <Plot
        label={text("dashboard.byDay")}
        data={data}
        height={HEIGHT_PX}
        shape={`${metric}/${days[0]?.day}/${days.length}`}
        options={(colours) => bars(colours, days, metric)}
        index={chosen}
        choose={choose}
        inWords={inWords}
      />
      <DaysTable days={known} />
    </section>
  );
}

function bars(colours: Colours, days: readonly DayFigures[], metric: Metric): PlotOptions {
  const paths = uPlot.paths.bars?.({ size: [0.72, 44], radius: 0.12 });
  const label = (index: number) => (days[index] ? day(days[index].day, "short") : "");
  return {
    scales: {
      x: { time: false, range: () => [-0.6, days.length - 0.4] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      axis(colours, {
        grid: { show: false },
        splits: (plot) => dayTicks(days.length, marksAlong(plot, MARK_PX)),
        values: (_, marks) => marks.map(label),
      }),
      axis(colours, {
        size: Y_SIZE_PX,
        ...(metric === "viewers" || metric === "sessions" ? { incrs: WHOLE_STEPS } : {}),
        values: (_, marks) => marks.map((value) => axisText(value, metric)),
      }),
    ],
    series: [
      {},
      {
        fill: colours.accent,
        stroke: colours.accent,
        width: 0,
        points: { show: false },
        ...(paths && { paths }),
      },
    ],
    cursor: { points: { show: false } },
  };
}

function axisText(value: number, metric: Metric): string {
  if (metric === "bytes") return bytes(value);
  return metric === "watched" ? timeSum(value * 3600) : number(value);
}

function sentenceOf(one: DayFigures, metric: Metric): string {
  const figures = {
    viewers: () => text("dashboard.viewersOn", { count: one.viewers }),
    watched: () => text("dashboard.watchedOn", { time: timeSum(one.watched_seconds) }),
    sessions: () => text("dashboard.sessionsOn", { count: one.sessions }),
    bytes: () => text("dashboard.sentOn", { size: bytes(one.bytes) }),
  };
  return text("dashboard.onDay", { day: day(one.day), figure: figures[metric]() });
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
