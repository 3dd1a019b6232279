// The choice of quality: what a viewer may ask for, and which rung of the ladder that means. Pure.

/** A height in lines, or: `auto`, `save` (little data), `listen` (sound alone). */
export type QualityChoice = "auto" | "save" | "listen" | number;

export interface Rung {
  height: number;
  bitrate: number;
}

/** Enough to read a slide on a phone, at a fifth of the data. */
const SAVING_HEIGHT = 360;

export function isQualityChoice(value: unknown): value is QualityChoice {
  return value === "auto" || value === "save" || value === "listen" || Number.isInteger(value);
}

/** The rung to hold on to, or -1 for choosing by the line. */
export function fixedRung(choice: QualityChoice, rungs: Rung[]): number {
  if (typeof choice !== "number") return -1;
  const atMost = rungs.filter(({ height }) => height <= choice);
  const best = atMost.toSorted((a, b) => b.height - a.height || b.bitrate - a.bitrate)[0];
  return best ? rungs.indexOf(best) : lowest(rungs);
}

/** The highest rung that choosing by the line may take, or -1 for any. */
export function highestRung(choice: QualityChoice, rungs: Rung[]): number {
  if (choice !== "save") return -1;
  return fixedRung(SAVING_HEIGHT, rungs);
}

function lowest(rungs: Rung[]): number {
  const [least] = rungs.toSorted((a, b) => a.bitrate - b.bitrate);
  return least ? rungs.indexOf(least) : -1;
}
