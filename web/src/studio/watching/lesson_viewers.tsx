// How far each student has come in one lesson.

import { useState } from "preact/hooks";
import { TextField } from "../../design/field.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import type { Enrollment } from "../service/answers.ts";
import { CellView } from "./cell_view.tsx";
import { sortedStudents, type WatchTable } from "./watch_table.ts";

interface LessonViewersProps {
  table: WatchTable;
  enrolled: readonly Enrollment[];
  videoId: string;
}

export function LessonViewers({ table, enrolled, videoId }: LessonViewersProps) {
  const [wanted, setWanted] = useState("");
  void table.version.value;
  const students = sortedStudents(table.students(enrolled, []), "name");
  const words = wanted.trim().toLowerCase();
  const pages = usePages(students.filter(({ userId }) => userId.toLowerCase().includes(words)));
  if (!students.length)
    return (
      <EmptyState icon="people" title={text("studio.watched.empty")}>
        {text("studio.watched.emptyText")}
      </EmptyState>
    );
  return (
    <>
      <TextField label={text("studio.watched.search")} value={wanted} onInput={setWanted} />
      <ul class="details">
        {pages.shown.map(({ userId }) => (
          <li key={userId}>
            <span>{userId}</span>
            <CellView cell={table.cell(userId, videoId)} />
          </li>
        ))}
      </ul>
      <Pager pages={pages} />
    </>
  );
}
