// Seconds over which the playhead moved at the playing rate, joined from one look at it to the next.
// Knows no ranges that the element says it played: whoever asks compares the two. Pure.

import { type IntervalSet, union } from "./intervals.ts";

// A media clock runs a little fast now and then, and looks at it come late.
const TOLERANCE = 1.1;
const SLACK_S = 0.5;

export class Steps {
  #seconds: IntervalSet = [];
  #last: { positionS: number; atMs: number } | null = null;

  /** Sorted, disjoint [from, to] pairs. */
  get seconds(): IntervalSet {
    return this.#seconds;
  }

  /** The playhead at the last look; null after a jump. */
  get lastPositionS(): number | null {
    return this.#last?.positionS ?? null;
  }

  /** Look at the playhead: at `positionS` now, playing since the last look at `rate` at most. */
  look(positionS: number, atMs: number, rate: number) {
    const last = this.#last;
    this.#last = { positionS, atMs };
    if (!last || positionS <= last.positionS) return;
    const possibleS = ((atMs - last.atMs) / 1000) * rate * TOLERANCE + SLACK_S;
    if (positionS - last.positionS > possibleS) return;
    this.#seconds = union(this.#seconds, [[last.positionS, positionS]]);
  }

  /** Note that the playhead jumps: nothing was played from the last look to the next. */
  jump() {
    this.#last = null;
  }

  clear() {
    this.#seconds = [];
    this.#last = null;
  }
}
