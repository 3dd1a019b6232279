// Sets of seconds as sorted, disjoint [from, to] pairs. Pure.

export type Interval = [from: number, to: number];
export type IntervalSet = Interval[];

/** The pairs of a TimeRanges (what a media element says it has played). */
export function fromTimeRanges(ranges: TimeRanges): IntervalSet {
  return Array.from({ length: ranges.length }, (_, i) => [ranges.start(i), ranges.end(i)]);
}

export function union(...sets: IntervalSet[]): IntervalSet {
  const merged: IntervalSet = [];
  for (const [from, to] of sets.flat().sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** The part of `whole` outside `taken`; both as returned by `union`. */
export function subtract(whole: IntervalSet, taken: IntervalSet): IntervalSet {
  const rest: IntervalSet = [];
  for (const [from, to] of whole) {
    let start = from;
    for (const [takenFrom, takenTo] of taken) {
      if (takenTo <= start || takenFrom >= to) continue;
      if (takenFrom > start) rest.push([start, takenFrom]);
      start = Math.max(start, takenTo);
    }
    if (start < to) rest.push([start, to]);
  }
  return rest;
}

/** The intersection of two sets as returned by `union`. */
export function intersect(one: IntervalSet, other: IntervalSet): IntervalSet {
  return subtract(one, subtract(one, other));
}

/** Every pair longer by `margin` at both ends. */
export function widen(set: IntervalSet, margin: number): IntervalSet {
  return union(set.map(([from, to]) => [from - margin, to + margin]));
}

/** The sum of the lengths. */
export function measure(set: IntervalSet): number {
  return set.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** Within [0, limit], to the millisecond, the longest `count` pieces, in order. */
export function tidy(set: IntervalSet, limit: number, count: number): IntervalSet {
  const round = (seconds: number) => Math.round(seconds * 1000) / 1000;
  const clipped = set
    .map(([from, to]): Interval => [round(Math.max(0, from)), round(Math.min(limit, to))])
    .filter(([from, to]) => from < to);
  if (clipped.length <= count) return clipped;
  const longest = clipped.sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, count);
  return longest.sort((a, b) => a[0] - b[0]);
}
