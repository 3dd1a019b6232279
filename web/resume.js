// Where playing begins: one rule for the player that goes there and the lists that tell of it. Pure.

// Resuming in the very last moment would end at once.
const TOO_LATE_S = 2;

/** The second to go on from; 0 where playing begins anew. No `durationS` while nobody knows it. */
export function resumePlace(positionS, durationS) {
  if (durationS === null) return positionS;
  return positionS < durationS - TOO_LATE_S ? positionS : 0;
}
