// What of the courses a viewer wants to see: by words, by how far they are. Pure.

import { STANDINGS, standingOf } from "../../courses/lesson_state.ts";
import type { Outline } from "../../courses/outline.ts";
import type { Lesson } from "../../service/answers.ts";

export const FILTERS = ["all", ...STANDINGS] as const;
export type Filter = (typeof FILTERS)[number];

export interface Found {
  course: Outline;
  lessons: Lesson[];
}

/** Lessons to watch; instructors see those that are not ready as well. */
export function shownLessons(lessons: readonly Lesson[], isTaught: boolean): Lesson[] {
  return lessons.filter(({ status }) => isTaught || status === "ready");
}

/** The lessons that match, by course; a course whose title matches has all of its. */
export function find(
  courses: readonly Outline[],
  words: string,
  filter: Filter,
  isTaught: (course: Outline) => boolean,
): Found[] {
  const sought = plain(words).split(/\s+/).filter(Boolean);
  const matches = (title: string) => sought.every((word) => plain(title).includes(word));
  return courses
    .map((course) => {
      const isNamed = matches(course.title);
      const lessons = shownLessons(course.videos, isTaught(course)).filter(
        (lesson) =>
          (isNamed || matches(`${course.title} ${lesson.title}`)) &&
          (filter === "all" || standingOf(lesson) === filter),
      );
      return { course, lessons };
    })
    .filter(({ lessons }) => lessons.length);
}

/** Letters alone, so that "uber" finds "Über". */
function plain(words: string): string {
  return words.normalize("NFKD").replaceAll(/\p{M}/gu, "").toLowerCase();
}

/** The lesson to go on with, else the first that nobody began; null where there is none. */
export function lessonToResume(
  courses: readonly Outline[],
): { course: Outline; lesson: Lesson } | null {
  const ready = courses.flatMap((course) =>
    course.videos
      .filter(({ status }) => status === "ready")
      .map((lesson) => ({ course, lesson, standing: standingOf(lesson) })),
  );
  const atMs = ({ lesson }: { lesson: Lesson }) =>
    Date.parse(lesson.progress?.updated_at ?? "") || 0;
  const begun = ready.filter(({ standing }) => standing === "active");
  const latest = begun.sort((one, other) => atMs(other) - atMs(one))[0];
  return latest ?? ready.find(({ standing }) => standing === "fresh") ?? null;
}

/** How far a viewer is in a course. */
export function progressOf(course: Outline): { done: number; all: number; ratio: number } {
  const ready = shownLessons(course.videos, false);
  const done = ready.filter((lesson) => standingOf(lesson) === "done").length;
  const seen = ready.reduce(
    (sum, { progress }) => sum + (progress?.completed ? 1 : (progress?.watched_ratio ?? 0)),
    0,
  );
  return { done, all: ready.length, ratio: ready.length ? seen / ready.length : 0 };
}
