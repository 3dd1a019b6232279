// Where the axes of charts have their marks. Pure.

const TIME_STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400];

/** Round places of a film, at most `most` of them beside 0. */
export function filmTicks(durationS: number, most: number): number[] {
  const step =
    TIME_STEPS_S.find((one) => durationS / one <= most) ??
    Math.ceil(durationS / most / 14_400) * 14_400;
  return steps(Math.floor(durationS / step) + 1, step);
}

/** Indexes of days, the last one among them, at most `most`. */
export function dayTicks(count: number, most: number): number[] {
  const step = Math.max(1, Math.ceil(count / Math.max(1, most)));
  const last = count - 1;
  return steps(Math.floor(last / step) + 1, -step)
    .map((back) => last + back)
    .reverse();
}

/** Steps between the marks of an axis that counts things: never a part of one. */
export const WHOLE_STEPS = [1, 2, 5]
  .flatMap((digit) => Array.from({ length: 12 }, (_, power) => digit * 10 ** power))
  .sort((a, b) => a - b);

function steps(count: number, step: number): number[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => index * step);
}
