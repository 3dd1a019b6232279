// The retention curve of a video: who saw each second, how often it was played, what was rewatched
// and skipped; the picture of the chosen second beside it, a strip of pictures below.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { clock } from "../../browser/elements.ts";
import { number, text } from "../../texts/texts.ts";
import type { Colours } from "../charts/colours.ts";
import {
  heatOf,
  middleOf,
  type Part,
  rewatchedParts,
  skippedParts,
  stepAt,
} from "../charts/curve.ts";
import { axis, marksAlong, Plot, type PlotOptions } from "../charts/plot.tsx";
import { filmTicks, WHOLE_STEPS } from "../charts/ticks.ts";
import type { Retention } from "../service/figures.ts";
import { Frame } from "./frame.tsx";
import { type Storyboard, useStoryboard } from "./storyboard.ts";

const HEIGHT_PX = 260;
const MARK_PX = 72;
const Y_SIZE_PX = 56;
const FRAME_PX = 240;
const STRIP_FRAME_PX = 112;

interface RetentionChartProps {
  videoId: string;
  retention: Retention;
}

export function RetentionChart({ videoId, retention }: RetentionChartProps) {
  const [chosen, choose] = useState(0);
  const storyboard = useStoryboard(videoId);
  const rewatched = useMemo(() => rewatchedParts(retention), [retention]);
  const skipped = useMemo(() => skippedParts(retention), [retention]);
  const data = useMemo<uPlot.AlignedData>(() => {
    const places = retention.viewers.map((_, index) => middleOf(retention, index));
    return [places, retention.plays, retention.viewers];
  }, [retention]);
  const index = Math.min(chosen, retention.viewers.length - 1);
  const go = ({ startS }: Part) => choose(stepAt(retention, startS));
  return (
    <section class="card chart" aria-labelledby="retention-title">
      <div class="retention__now">
        <Frame picture={storyboard?.at(middleOf(retention, index)) ?? null} width={FRAME_PX} />
        <div class="retention__words">
          <h2 id="retention-title">{text("dashboard.retention.title")}</h2>
          <p class="quiet">{text("dashboard.retention.explanation")}</p>
          <Now retention={retention} index={index} />
        </div>
      </div>
      <Plot
        label={text("dashboard.retention.label")}
        data={data}
        height={HEIGHT_PX}
        shape={`${retention.viewers.length}/${retention.step}/${shapeOf([...rewatched, ...skipped])}`}
        options={(colours) => curve(colours, retention, rewatched, skipped)}
        index={index}
        choose={choose}
        inWords={(at) => sentenceOf(retention, at)}
      />
      <Strip storyboard={storyboard} durationS={durationOf(retention)} />
      <div class="retention__parts">
        <Parts kind="rewatched" parts={rewatched} retention={retention} go={go} />
        <Parts kind="skipped" parts={skipped} retention={retention} go={go} />
      </div>
    </section>
  );
}

function Now({ retention, index }: { retention: Retention; index: number }) {
  return (
    <dl class="retention__figures number">
      <div>
        <dt>{text("dashboard.retention.place")}</dt>
        <dd>{clock(index * retention.step)}</dd>
      </div>
      <div>
        <dt>
          <i class="swatch swatch--viewers" />
          {text("dashboard.metrics.viewers")}
        </dt>
        <dd>{number(retention.viewers[index] ?? 0)}</dd>
      </div>
      <div>
        <dt>
          <i class="swatch swatch--plays" />
          {text("dashboard.retention.plays")}
        </dt>
        <dd>{number(retention.plays[index] ?? 0)}</dd>
      </div>
    </dl>
  );
}

interface PartsProps {
  kind: "rewatched" | "skipped";
  parts: readonly Part[];
  retention: Retention;
  go: (part: Part) => void;
}

function Parts({ kind, parts, retention, go }: PartsProps) {
  return (
    <div>
      <h3>
        <i class={`swatch swatch--${kind}`} />
        {text(`dashboard.retention.${kind}`)}
      </h3>
      {!parts.length && <p class="quiet">{text(`dashboard.retention.nothing.${kind}`)}</p>}
      <ul>
        {parts.map((part) => (
          <li key={part.startS}>
            <button type="button" class="link number" onClick={() => go(part)}>
              {clock(part.startS)}–{clock(part.endS)}
            </button>
            <span class="quiet">{effectOf(kind, part, retention)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** What a part means: how often it was played, or how many went on without it. */
function effectOf(kind: PartsProps["kind"], part: Part, retention: Retention): string {
  const first = stepAt(retention, part.startS);
  const steps = Math.max(1, Math.round((part.endS - part.startS) / retention.step));
  if (kind === "skipped") {
    const missing = Math.round(part.weight / (steps * retention.step));
    return text("dashboard.retention.skippedBy", { count: Math.max(1, missing) });
  }
  const heat = heatOf(retention).slice(first, first + steps);
  const mean = heat.reduce((sum, one) => sum + one, 0) / heat.length;
  return text("dashboard.retention.times", { times: number(mean, 1) });
}

/** Pictures along the curve, as many as have room. */
function Strip({ storyboard, durationS }: { storyboard: Storyboard | null; durationS: number }) {
  const place = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    if (!place.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 0));
    observer.observe(place.current);
    return () => observer.disconnect();
  }, []);
  const count = Math.max(1, Math.floor(width / STRIP_FRAME_PX));
  const places = Array.from({ length: count }, (_, index) => ((index + 0.5) * durationS) / count);
  return (
    <div ref={place} class="strip" aria-hidden="true">
      {storyboard &&
        places.map((positionS) => (
          <Frame key={positionS} picture={storyboard.at(positionS)} width={width / count} />
        ))}
    </div>
  );
}

function curve(
  colours: Colours,
  retention: Retention,
  rewatched: readonly Part[],
  skipped: readonly Part[],
): PlotOptions {
  const durationS = durationOf(retention);
  return {
    scales: {
      x: { time: false, range: () => [0, durationS] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      axis(colours, {
        grid: { show: false },
        splits: (plot) => filmTicks(durationS, marksAlong(plot, MARK_PX)),
        values: (_, marks) => marks.map(clock),
      }),
      axis(colours, {
        size: Y_SIZE_PX,
        incrs: WHOLE_STEPS,
        values: (_, marks) => marks.map((value) => number(value)),
      }),
    ],
    series: [
      {},
      { stroke: colours.warning, width: 1.5, points: { show: false } },
      {
        stroke: colours.accent,
        fill: translucent(colours.accent),
        width: 2,
        points: { show: false },
      },
    ],
    hooks: {
      drawClear: [
        (plot) => {
          shade(plot, skipped, colours["danger-soft"]);
          shade(plot, rewatched, colours["warning-soft"]);
        },
      ],
    },
  };
}

function shade({ ctx, bbox, valToPos }: uPlot, parts: readonly Part[], colour: string) {
  ctx.save();
  ctx.fillStyle = colour;
  for (const { startS, endS } of parts) {
    const left = valToPos(startS, "x", true);
    ctx.fillRect(left, bbox.top, valToPos(endS, "x", true) - left, bbox.height);
  }
  ctx.restore();
}

/** `rgb(1, 2, 3)` with a part of its strength. */
function translucent(colour: string): string {
  return colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.18)");
}

function durationOf({ step, viewers }: Retention): number {
  return step * viewers.length;
}

function shapeOf(parts: readonly Part[]): string {
  return parts.map(({ startS, endS }) => `${startS}-${endS}`).join();
}

function sentenceOf(retention: Retention, index: number): string {
  return text("dashboard.retention.at", {
    place: clock(index * retention.step),
    viewers: text("dashboard.viewersOn", { count: retention.viewers[index] ?? 0 }),
    plays: text("dashboard.retention.playsAt", { count: retention.plays[index] ?? 0 }),
  });
}
