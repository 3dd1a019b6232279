// Parts of a film that were rewatched or skipped, from its retention curve. Pure.
//
// A part is rewatched where every viewer has played it 1.5 times or more on average, and skipped
// where fewer saw it than three quarters of those who saw a later step: those went on without it.

import type { Retention } from "../service/figures.ts";

const REWATCHED_PLAYS = 1.5;
const SKIPPED_SHARE = 0.75;
const LEAST_S = 2;
const MOST_PARTS = 6;

export interface Part {
  startS: number;
  endS: number;
  /** How much it stands out: plays beyond the first, or viewers who skipped, in seconds. */
  weight: number;
}

/** The parts that stand out most, in the order of the film. */
export function rewatchedParts({ step, viewers, plays }: Retention): Part[] {
  const excess = viewers.map((seen, index) => {
    const played = plays[index] ?? 0;
    return seen && played >= seen * REWATCHED_PLAYS ? played - seen : 0;
  });
  return partsOf(excess, step);
}

export function skippedParts({ step, viewers }: Retention): Part[] {
  const missing: number[] = new Array(viewers.length).fill(0);
  let later = 0;
  for (let index = viewers.length - 1; index >= 0; index -= 1) {
    const seen = viewers[index] ?? 0;
    if (seen < later * SKIPPED_SHARE) missing[index] = later - seen;
    later = Math.max(later, seen);
  }
  return partsOf(missing, step);
}

/** Plays a viewer at each step; 1 is nobody twice, 0 nobody at all. */
export function heatOf({ viewers, plays }: Retention): number[] {
  return viewers.map((seen, index) => (seen ? (plays[index] ?? 0) / seen : 0));
}

/** The step of a place in the film. */
export function stepAt({ step, viewers }: Retention, positionS: number): number {
  return Math.min(viewers.length - 1, Math.max(0, Math.floor(positionS / step)));
}

/** The middle of a step, which stands for it. */
export function middleOf({ step }: Retention, index: number): number {
  return (index + 0.5) * step;
}

function partsOf(weights: readonly number[], step: number): Part[] {
  const parts: Part[] = [];
  let open: Part | null = null;
  weights.forEach((weight, index) => {
    if (!weight) {
      open = null;
      return;
    }
    if (!open) {
      open = { startS: index * step, endS: index * step, weight: 0 };
      parts.push(open);
    }
    open.endS = (index + 1) * step;
    open.weight += weight * step;
  });
  return parts
    .filter(({ startS, endS }) => endS - startS >= LEAST_S)
    .sort((a, b) => b.weight - a.weight)
    .slice(0, MOST_PARTS)
    .sort((a, b) => a.startS - b.startS);
}
