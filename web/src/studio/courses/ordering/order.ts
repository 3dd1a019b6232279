// The order of modules in a course and of lessons in a module. Pure.

import type { Placed } from "../../service/answers.ts";

const STEP = 1024; // as the service leaves between positions
const LARGEST = 2 ** 31 - 1;

/** The list with the item at `from` moved to `to`; null where nothing moves. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] | null {
  if (from === to || !(from in items) || !(to in items)) return null;
  const copy = [...items];
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/** The things with the positions that the service gave them. */
export function placed<T extends Placed>(things: readonly T[], given: readonly Placed[]): T[] {
  const positions = new Map(given.map(({ id, position }) => [id, position]));
  return things.map((one) => ({ ...one, position: positions.get(one.id) ?? one.position }));
}

/** The position of a module that is added at the end. */
export function lastPosition(modules: readonly Placed[]): number {
  const highest = Math.max(0, ...modules.map(({ position }) => position ?? 0));
  return Math.min(LARGEST, highest + STEP);
}
