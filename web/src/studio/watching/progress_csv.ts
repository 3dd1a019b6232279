// Who watched how far as a CSV: a line for each student and lesson. Pure.

import { text } from "../../texts/texts.ts";
import type { Enrollment, ModuleWithLessons } from "../service/answers.ts";
import { buildCsv } from "./csv.ts";
import type { WatchTable } from "./watch_table.ts";

const COLUMNS = [
  "student",
  "module",
  "lesson",
  "watched",
  "completed",
  "position",
  "seen",
] as const;

export function progressCsv(
  table: WatchTable,
  enrolled: readonly Enrollment[],
  modules: readonly ModuleWithLessons[],
): string {
  const heading = COLUMNS.map((name) => text(`studio.watched.columns.${name}`));
  const lessons = modules.flatMap(({ title, videos }) =>
    videos.filter(({ status }) => status === "ready").map((lesson) => ({ module: title, lesson })),
  );
  const students = table.students(enrolled, []).map(({ userId }) => userId);
  const rows = students.flatMap((userId) =>
    lessons.map(({ module, lesson }) => {
      const cell = table.cell(userId, lesson.id);
      const percent = Math.floor((cell?.ratio ?? 0) * 100);
      const position = Math.round((cell?.position ?? 0) * 10) / 10;
      const isCompleted = cell?.completed ? 1 : 0;
      return [userId, module, lesson.title, percent, isCompleted, position, cell?.seenAt ?? ""];
    }),
  );
  return buildCsv([heading, ...rows]);
}
