// Figures of quality as they are read. A figure of nothing is a dash.

import { number, smallShare, text } from "../../texts/texts.ts";
import type { QualityMetric } from "../charts/quality_days.ts";

const NOTHING = "–";

/** Of 100: "87". */
export function score(points: number | null): string {
  return points === null ? NOTHING : number(points);
}

/** "0.42 s" */
export function startupTime(ms: number | null): string {
  return ms === null
    ? NOTHING
    : text("dashboard.quality.secondsShort", { seconds: number(ms / 1000, 2) });
}

export function stalledShare(ratio: number | null): string {
  return ratio === null ? NOTHING : smallShare(ratio);
}

/** "2.4 Mbit/s" */
export function bitrate(bits: number | null): string {
  if (bits === null) return NOTHING;
  const megabits = bits / 1e6;
  return text("dashboard.quality.megabits", { rate: number(megabits, megabits < 1 ? 2 : 1) });
}

/** "720 lines" */
export function pictureHeight(lines: number | null): string {
  return lines === null ? NOTHING : text("dashboard.sessions.lines", { count: Math.round(lines) });
}

export function figureText(metric: QualityMetric, value: number): string {
  const texts: Record<QualityMetric, (value: number) => string> = {
    bitrate,
    height: pictureHeight,
    startup: startupTime,
    stalled: stalledShare,
    stalls: number,
    score,
  };
  return texts[metric](value);
}
