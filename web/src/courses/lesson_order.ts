// The order of the lessons of a module, as the service has it. Pure.

interface Placed {
  position: number | null;
  created_at: string;
}

/** By position; lessons without one come after the others, oldest first. */
export function byPlace(a: Placed, b: Placed): number {
  const between = (a.position ?? Infinity) - (b.position ?? Infinity);
  return between || ageOf(a) - ageOf(b); // two without one are NaN apart
}

function ageOf({ created_at }: Placed): number {
  return Date.parse(created_at) || 0;
}
