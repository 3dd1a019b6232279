// The position to resume at: one rule for the player and the lists that show it. Pure.

// Resuming in the very last moment would end at once.
const TOO_LATE_S = 2;

/** The second to resume at; 0 to start anew. `durationS` is null while it is unknown. */
export function resumePlace(positionS: number, durationS: number | null): number {
  if (durationS === null) return positionS;
  return positionS < durationS - TOO_LATE_S ? positionS : 0;
}
