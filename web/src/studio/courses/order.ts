// The order of modules in a course and of lessons in a module. The server sorts by position; equal
// positions are allowed, and lessons without one come last. Pure.

const STEP = 1024; // room to put things between others by one request
const LARGEST = 2 ** 31 - 1;

export interface Placed {
  id: string;
  position: number | null;
}

export interface Placement {
  id: string;
  position: number;
}

/** The list with an item moved, and which items got another position; null where nothing moves. */
export function rearranged<T extends Placed>(items: readonly T[], from: number, to: number) {
  const item = items[from];
  if (!item || from === to || to < 0 || to >= items.length) return null;
  const order = moved(items, from, to);
  const positions = new Map(placements(order, item.id).map(({ id, position }) => [id, position]));
  const placed = order.map((one) => ({ ...one, position: positions.get(one.id) ?? one.position }));
  return { order: placed, changed: placed.filter(({ id }) => positions.has(id)) };
}

/** The list with the item at `from` moved to `to`. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const copy = [...items];
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/** The fewest new positions that give things the order of the list. */
export function placements(order: readonly Placed[], movedId: string): Placement[] {
  const place = order.findIndex(({ id }) => id === movedId);
  if (place < 0) return [];
  const rest = order.filter(({ id }) => id !== movedId);
  const before = place ? (order[place - 1]?.position ?? null) : -1;
  if (before === null || !isRising(rest)) return renumbered(order, place);
  const after = order[place + 1]?.position ?? Math.min(LARGEST, before + 2 * STEP);
  const middle = Math.floor((before + after) / 2);
  if (middle > before && middle < after) return [{ id: movedId, position: middle }];
  return renumbered(order, place);
}

/** The position of a module that is added at the end. */
export function lastPosition(modules: readonly Placed[]): number {
  const highest = Math.max(0, ...modules.map(({ position }) => position ?? 0));
  return Math.min(LARGEST, highest + STEP);
}

function isRising(items: readonly Placed[]): boolean {
  const places = items.map(({ position }) => position ?? Infinity);
  return places.every((place, i) => i === 0 || place === Infinity || (places[i - 1] ?? 0) < place);
}

/** New positions up to `place`, and beyond it for what has one: the others may stay without. */
function renumbered(order: readonly Placed[], place: number): Placement[] {
  return order
    .map(({ id, position }, i) => ({ id, position: (i + 1) * STEP, before: position, i }))
    .filter(({ position, before, i }) => position !== before && (before !== null || i <= place))
    .map(({ id, position }) => ({ id, position }));
}
