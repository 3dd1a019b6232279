// Why playing waits, in one sentence, by what a browser can know of line, device and server. Pure.

export interface StallFacts {
  isOnline: boolean;
  /** The last refusal that media met; 0 for none. */
  status: number;
  /** Bits a second: what the line gives, and what is played; null where nobody knows. */
  lineBits: number | null;
  neededBits: number | null;
  /** Seconds that are there beyond the place. */
  aheadS: number;
  /** Of the frames of the last seconds, those that were not shown in time. */
  droppedRatio: number;
}

// With so much there, it is not the line that is waited for.
const ENOUGH_AHEAD_S = 2;
const MANY_DROPPED = 0.2;

/** A sentence that says what is slow, and what helps. */
export function explainStall(facts: StallFacts): string {
  const { isOnline, status, lineBits, neededBits, aheadS, droppedRatio } = facts;
  if (!isOnline) return "This device is offline: playing goes on when it is connected.";
  if (status === 429) return "Too much is asked for at once: close other players of this course.";
  if (status >= 500) return "The server is busy at the moment: playing goes on by itself.";
  if (droppedRatio > MANY_DROPPED || aheadS > ENOUGH_AHEAD_S)
    return "This device is too busy for this quality: a lower one helps, or fewer programs.";
  if (lineBits !== null && neededBits !== null && lineBits < neededBits)
    return `The line gives ${megabits(lineBits)}, this quality needs ${megabits(neededBits)}: a lower one helps.`;
  return "The video comes slower than it plays: the line or the server is slow at the moment.";
}

function megabits(bits: number): string {
  return `${(bits / 1e6).toFixed(1)} Mbit/s`;
}
