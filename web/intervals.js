// Sets of seconds as sorted, disjoint [from, to] pairs. Pure.

/** The pairs of a TimeRanges (what a media element says it has played). */
export function fromTimeRanges(ranges) {
  return Array.from({ length: ranges.length }, (_, i) => [ranges.start(i), ranges.end(i)]);
}

export function union(...sets) {
  const merged = [];
  for (const [from, to] of sets.flat().sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else merged.push([from, to]);
  }
  return merged;
}

/** The part of `whole` outside `taken`; both as returned by `union`. */
export function subtract(whole, taken) {
  const rest = [];
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
export function intersect(one, other) {
  return subtract(one, subtract(one, other));
}

/** Every pair longer by `margin` at both ends. */
export function widen(set, margin) {
  return union(set.map(([from, to]) => [from - margin, to + margin]));
}

/** Within [0, limit], to the millisecond, the longest `count` pieces, in order. */
export function tidy(set, limit, count) {
  const round = (seconds) => Math.round(seconds * 1000) / 1000;
  const clipped = set
    .map(([from, to]) => [round(Math.max(0, from)), round(Math.min(limit, to))])
    .filter(([from, to]) => from < to);
  if (clipped.length <= count) return clipped;
  const longest = clipped.sort((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, count);
  return longest.sort((a, b) => a[0] - b[0]);
}
