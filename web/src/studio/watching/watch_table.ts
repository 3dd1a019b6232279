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

const LIVE_EVERY_MS = 400;
const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

export class WatchTable {
  /** Rises with each change. */
  readonly version = signal(0);
  #cells = new Map<string, Map<string, Cell>>();
  #timer: ReturnType<typeof setTimeout> | null = null;

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
    this.#changeSoon();
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
    const rows = students.map(({ user_id: id }) => this.#cells.get(id));
    return lessons.map((lesson) => {
      const sum = new Sum();
      for (const row of rows) sum.add(row?.get(lesson.id));
      const { completed, begun: viewers, ratio } = sum;
      return { lesson, viewers, completed, ratio };
    });
  }

  #studentRow(userId: string, isEnrolled: boolean, lessons: readonly Lesson[]): StudentRow {
    const cells = this.#cells.get(userId);
    const sum = new Sum();
    for (const { id } of lessons) sum.add(cells?.get(id));
    const { completed, begun: started, ratio, seenAt } = sum;
    return { userId, isEnrolled, completed, started, ratio, seenAt };
  }

  /** A whole course that watches makes more events than anybody could read. */
  #changeSoon() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.version.value += 1;
    }, LIVE_EVERY_MS);
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

/** What cells come to together; those that are missing count 0. */
class Sum {
  completed = 0;
  begun = 0;
  seenAt: string | null = null;
  #count = 0;
  #ratios = 0;

  get ratio(): number {
    return this.#count ? this.#ratios / this.#count : 0;
  }

  add(cell: Cell | undefined) {
    this.#count += 1;
    if (!cell) return;
    this.#ratios += cell.ratio;
    if (cell.completed) this.completed += 1;
    if (hasBegun(cell)) this.begun += 1;
    if (cell.seenAt && cell.seenAt > (this.seenAt ?? "")) this.seenAt = cell.seenAt;
  }
}
