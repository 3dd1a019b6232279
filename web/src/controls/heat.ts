// The heat of a film above its timeline: how often each step was played by its viewers. Pure.

/** Plays a viewer of each step of `stepS` seconds: 1 is once. */
export interface Heat {
  stepS: number;
  plays: readonly number[];
}

const LEAST_TOP = 2; // a film that everybody watches once is no mountain

/** The outline as an SVG path of seconds by shares of the height, 0 at the top; "" for nothing. */
export function heatPath({ stepS, plays }: Heat): string {
  const top = Math.max(LEAST_TOP, ...plays);
  if (!plays.some(Boolean)) return "";
  const points = plays.map((played, index) => `L${(index + 0.5) * stepS} ${1 - played / top}`);
  return `M0 1${points.join("")}L${plays.length * stepS} 1Z`;
}
