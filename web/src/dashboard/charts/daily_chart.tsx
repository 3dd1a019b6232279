// A chart of one figure a day: which figure is chosen, and the chosen day stands in words.

import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import type uPlot from "uplot";
import { Choice } from "../../design/choice.tsx";
import { day, text } from "../../texts/texts.ts";
import type { Colours } from "./colours.ts";
import { axis, marksAlong, Plot, type PlotOptions } from "./plot.tsx";
import { dayTicks, WHOLE_STEPS } from "./ticks.ts";

const MARK_PX = 72;

/** The figures that such a chart can show of a day, and how it draws them. */
export interface DailyFigures<Day extends { day: string }, Metric extends string> {
  /** The first is shown first. */
  metrics: readonly [Metric, ...Metric[]];
  nameOf(metric: Metric): string;
  valueOf(of: Day, metric: Metric): number | null;
  /** The figure as it stands behind the day. */
  inWords(of: Day, metric: Metric): string;
  axisText(value: number, metric: Metric): string;
  isWhole(metric: Metric): boolean;
  /** The upper end of the axis; `most` is the greatest value. */
  highest(most: number, metric: Metric): number;
  series(colours: Colours, values: readonly (number | null)[]): uPlot.Series;
  heightPx: number;
  axisPx: number;
  /** Beside the first and the last day, in days. */
  margin: number;
  hasCursorPoints: boolean;
}

interface DailyChartProps<Day extends { day: string }, Metric extends string> {
  title: string;
  titleId: string;
  titleTag: "h2" | "h3";
  class?: string;
  figures: DailyFigures<Day, Metric>;
  days: readonly Day[];
  /** What stands below the chart. */
  children?: ComponentChildren;
}

export function DailyChart<Day extends { day: string }, Metric extends string>(
  props: DailyChartProps<Day, Metric>,
) {
  const { title, titleId, titleTag: Title, figures, days } = props;
  const [metric, setMetric] = useState<Metric>(figures.metrics[0]);
  const [chosen, choose] = useState<number | null>(null);
  const data = useMemo<uPlot.AlignedData>(
    () => [days.map((_, index) => index), days.map((one) => figures.valueOf(one, metric))],
    [days, metric],
  );
  const sentenceOf = (one: Day | undefined) =>
    one && text("dashboard.onDay", { day: day(one.day), figure: figures.inWords(one, metric) });
  return (
    <section
      class={["card chart", props.class].filter(Boolean).join(" ")}
      aria-labelledby={titleId}
    >
      <header class="chart__head">
        <div>
          <Title id={titleId}>{title}</Title>
          <p class="quiet number">
            {sentenceOf(days[Math.min(chosen ?? days.length - 1, days.length - 1)])}
          </p>
        </div>
        <Choice
          label={text("dashboard.figure")}
          names={figures.metrics}
          current={metric}
          titleOf={figures.nameOf}
          choose={setMetric}
        />
      </header>
      <Plot
        label={title}
        data={data}
        height={figures.heightPx}
        shape={`${metric}/${days[0]?.day}/${days.length}`}
        options={(colours) => optionsOf(colours, figures, days, metric)}
        index={chosen}
        choose={choose}
        inWords={(index) => sentenceOf(days[index]) ?? ""}
      />
      {props.children}
    </section>
  );
}

function optionsOf<Day extends { day: string }, Metric extends string>(
  colours: Colours,
  figures: DailyFigures<Day, Metric>,
  days: readonly Day[],
  metric: Metric,
): PlotOptions {
  const { margin } = figures;
  const label = (index: number) => (days[index] ? day(days[index].day, "short") : "");
  const values = days.map((one) => figures.valueOf(one, metric));
  return {
    scales: {
      x: { time: false, range: () => [-margin, days.length - 1 + margin] },
      y: { range: (_, __, most) => [0, figures.highest(most, metric)] },
    },
    axes: [
      axis(colours, {
        grid: { show: false },
        splits: (plot) => dayTicks(days.length, marksAlong(plot, MARK_PX)),
        values: (_, marks) => marks.map(label),
      }),
      axis(colours, {
        size: figures.axisPx,
        ...(figures.isWhole(metric) ? { incrs: WHOLE_STEPS } : {}),
        values: (_, marks) => marks.map((value) => figures.axisText(value, metric)),
      }),
    ],
    series: [{}, figures.series(colours, values)],
    ...(figures.hasCursorPoints ? {} : { cursor: { points: { show: false } } }),
  };
}
