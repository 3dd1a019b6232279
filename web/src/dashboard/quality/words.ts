// Figures of quality as they are read. A figure of nothing is a dash.

import { number, smallShare, text } from "../../texts/texts.ts";

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
