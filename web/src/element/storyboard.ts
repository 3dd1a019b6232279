// The storyboard: small pictures along the video, as cues that point into sheets (media fragments,
// `#xywh=`). Pure.

import { type Cue, cueIndexAt } from "./webvtt.ts";

export interface Tile {
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const FRAGMENT = /#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/;

/** The picture at a place; `base` is the address that the cues came from. */
export function tileAt(cues: readonly Cue[], positionS: number, base: string): Tile | null {
  const text = cues[Math.max(0, cueIndexAt(cues, positionS))]?.text.trim() ?? "";
  const match = FRAGMENT.exec(text);
  if (!match) return null;
  const [x = 0, y = 0, width = 0, height = 0] = match.slice(1).map(Number);
  return { url: new URL(text.slice(0, match.index), base).href, x, y, width, height };
}
