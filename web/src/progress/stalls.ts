// Why playing waits, in one sentence, by what a browser can know of line, device and server. Pure.

import { megabits, playerText } from "../texts/player/texts.ts";

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
  if (!isOnline) return playerText("stalls.offline");
  if (status === 429) return playerText("stalls.tooMany");
  if (status >= 500) return playerText("stalls.busyServer");
  if (droppedRatio > MANY_DROPPED || aheadS > ENOUGH_AHEAD_S)
    return playerText("stalls.busyDevice");
  if (lineBits !== null && neededBits !== null && lineBits < neededBits)
    return playerText("stalls.slowLine", {
      line: megabits(lineBits),
      needed: megabits(neededBits),
    });
  return playerText("stalls.slow");
}
