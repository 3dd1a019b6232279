// Who watched how far: students by lessons, from the database and then by events. Draws nothing.

import { signal } from "@preact/signals";
import type { Enrollment, Lesson, ProgressItem } from "../service/answers.ts";

export interface Cell {
  ratio: number;
  position: number;
  completed: boolean;
  seenAt: string | null;
}

export interface StudentRow {
  userId: string;
  isEnrolled: boolean;
  completed: number;
  started: number;
  /** The mean over all lessons of the course; what was not begun counts 0. */
  ratio: number;
  seenAt: string | null;
}

export interface LessonRow {
  lesson: Lesson;
  viewers: number;
  completed: number;
  /** The mean over the enrolled students. */
  ratio: number;
}

export interface PlaybackEvent {
  video_id: string;
  user_id: string | null;
  occurred_at: string;
  position: number;
  watched_ratio: number;
}

export type StudentOrder = "name" | "ratio" | "seen";

const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export class WatchTable {
  /** Rises with each change. */
  readonly version = signal(0);
  #cells = new Map<string, Map<string, Cell>>();

  /** Take a page of the server's list; what an event told meanwhile is newer. */
  add(items: readonly ProgressItem[]) {
    for (const item of items) {
      const known = this.cell(item.user_id, item.video_id);
      if (known?.seenAt && item.updated_at && known.seenAt > item.updated_at) continue;
      const { watched_ratio: ratio, position, completed, updated_at: seenAt } = item;
      this.#put(item.user_id, item.video_id, { ratio, position, completed, seenAt });
    }
    this.version.value += 1;
  }

  apply(type: string, event: PlaybackEvent) {
    if (!type.startsWith("playback.") || !event.user_id) return;
    const known = this.cell(event.user_id, event.video_id);
    this.#put(event.user_id, event.video_id, {
      ratio: Math.max(known?.ratio ?? 0, event.watched_ratio ?? 0),
      position: event.position,
      completed: known?.completed || type === "playback.completed",
      seenAt: event.occurred_at,
    });
    this.version.value += 1;
  }

  get hasAny(): boolean {
    return this.#cells.size > 0;
  }

  cell(userId: string, videoId: string): Cell | undefined {
    return this.#cells.get(userId)?.get(videoId);
  }

  /** The students of a course, and who watched but is no longer enrolled. Instructors are left out. */
  students(enrolled: readonly Enrollment[], lessons: readonly Lesson[]): StudentRow[] {
    const roles = new Map(enrolled.map(({ user_id: id, role }) => [id, role]));
    const ids = new Set([...roles.keys(), ...this.#cells.keys()]);
    return [...ids]
      .filter((id) => roles.get(id) !== "instructor")
      .map((id) => this.#studentRow(id, roles.has(id), lessons));
  }

  lessons(enrolled: readonly Enrollment[], lessons: readonly Lesson[]): LessonRow[] {
    const students = enrolled.filter(({ role }) => role === "student");
    return lessons.map((lesson) => {
      const cells = students.map(({ user_id: id }) => this.cell(id, lesson.id));
      const begun = cells.filter((cell) => cell !== undefined && hasBegun(cell));
      return {
        lesson,
        viewers: begun.length,
        completed: cells.filter((cell) => cell?.completed).length,
        ratio: mean(cells.map((cell) => cell?.ratio ?? 0)),
      };
    });
  }

  #studentRow(userId: string, isEnrolled: boolean, lessons: readonly Lesson[]): StudentRow {
    const cells = lessons.map(({ id }) => this.cell(userId, id));
    const seen = cells.flatMap((cell) => cell?.seenAt ?? []).sort();
    return {
      userId,
      isEnrolled,
      completed: cells.filter((cell) => cell?.completed).length,
      started: cells.filter((cell) => cell && hasBegun(cell)).length,
      ratio: mean(cells.map((cell) => cell?.ratio ?? 0)),
      seenAt: seen.at(-1) ?? null,
    };
  }

  #put(userId: string, videoId: string, cell: Cell) {
    const row = this.#cells.get(userId) ?? new Map<string, Cell>();
    this.#cells.set(userId, row.set(videoId, cell));
  }
}

export function sortedStudents(rows: readonly StudentRow[], order: StudentOrder): StudentRow[] {
  const byName = (a: StudentRow, b: StudentRow) => words.compare(a.userId, b.userId);
  const orders = {
    name: byName,
    ratio: (a: StudentRow, b: StudentRow) => a.ratio - b.ratio || byName(a, b),
    seen: (a: StudentRow, b: StudentRow) => compareTimes(b.seenAt, a.seenAt) || byName(a, b),
  };
  return [...rows].sort(orders[order]);
}

export function hasBegun({ ratio, position }: Cell): boolean {
  return ratio > 0 || position >= 1;
}

function compareTimes(a: string | null, b: string | null): number {
  return (a ?? "") < (b ?? "") ? -1 : (a ?? "") > (b ?? "") ? 1 : 0;
}

function mean(values: readonly number[]): number {
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : 0;
}
