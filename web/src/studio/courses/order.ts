// The order of modules. The server sorts by (position, id); equal positions are allowed. Pure.

import type { Module } from "../service/answers.ts";

const STEP = 1024; // room to put modules between others by one request
const LARGEST = 2 ** 31 - 1;

export interface Placement {
  id: string;
  position: number;
}

/** The list with the item at `from` moved to `to`. */
export function moved<T>(items: readonly T[], from: number, to: number): T[] {
  const copy = [...items];
  copy.splice(to, 0, ...copy.splice(from, 1));
  return copy;
}

/** The fewest new positions that give modules the order of the list. */
export function placements(order: readonly Module[], movedId: string): Placement[] {
  const place = order.findIndex(({ id }) => id === movedId);
  if (place < 0) return [];
  const before = order[place - 1]?.position ?? -1;
  const after = order[place + 1]?.position ?? Math.min(LARGEST, before + 2 * STEP);
  const middle = Math.floor((before + after) / 2);
  const rest = order.filter(({ id }) => id !== movedId);
  if (isRising(rest) && middle > before && middle < after)
    return [{ id: movedId, position: middle }];
  return renumbered(order);
}

/** The position of a module that is added at the end. */
export function lastPosition(modules: readonly Module[]): number {
  const highest = Math.max(0, ...modules.map(({ position }) => position));
  return Math.min(LARGEST, highest + STEP);
}

function isRising(modules: readonly Module[]): boolean {
  return modules.every(({ position }, i) => i === 0 || (modules[i - 1]?.position ?? -1) < position);
}

function renumbered(order: readonly Module[]): Placement[] {
  return order
    .map(({ id, position }, i) => ({ id, position: (i + 1) * STEP, before: position }))
    .filter(({ position, before }) => position !== before)
    .map(({ id, position }) => ({ id, position }));
}
