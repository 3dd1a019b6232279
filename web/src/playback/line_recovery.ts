// A line that is quick again after it was slow. hls.js weighs each load by the seconds that it took:
// half a minute on a slow line outweighs minutes of small segments on a quick one, and the picture
// stays small. Pure.

export interface Load {
  bits: number;
  /** From the request to the last byte: the line is at least as quick as that. */
  seconds: number;
}

const LOADS = 3;
// Of the estimate: less is what it finds by itself.
const LEAST_GAIN = 2;
// About a rung: the larger segments of that one tell more.
const MOST_GAIN = 4;
// From the browser's cache, which says nothing of the line.
const CACHED_S = 0.01;

export class LineRecovery {
  #rates: number[] = [];

  /** The estimate to go on with, in bits a second, or null to keep the one that there is. */
  judge({ bits, seconds }: Load, estimate: number): number | null {
    if (seconds < CACHED_S) return null;
    this.#rates = [...this.#rates, bits / seconds].slice(-LOADS);
    const least = Math.min(...this.#rates);
    if (this.#rates.length < LOADS || least < LEAST_GAIN * estimate) return null;
    this.#rates = [];
    return Math.min(least, MOST_GAIN * estimate);
  }
}
