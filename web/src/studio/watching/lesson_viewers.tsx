// How far each student has come in one lesson.

import { useState } from "preact/hooks";
import { TextField } from "../../design/field.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { CellView } from "./cell_view.tsx";
import { LoadingChip } from "./loading_chip.tsx";
import type { Watched } from "./use_watched.ts";
import { sortedStudents } from "./watch_table.ts";

interface LessonViewersProps {
  watched: Watched;
  videoId: string;
}

export function LessonViewers({ watched, videoId }: LessonViewersProps) {
  const { table, enrolled, loading } = watched;
  const [wanted, setWanted] = useState("");
  void table.version.value;
  const students = sortedStudents(table.students(enrolled, []), "name");
  const words = wanted.trim().toLowerCase();
  const pages = usePages(students.filter(({ userId }) => userId.toLowerCase().includes(words)));
  if (!students.length && loading === null)
    return (
      <EmptyState icon="people" title={text("studio.watched.empty")}>
        {text("studio.watched.emptyText")}
      </EmptyState>
    );
  return (
    <>
      <LoadingChip watched={watched} />
      <TextField label={text("studio.watched.search")} value={wanted} onInput={setWanted} />
      <ul class="details">
        {pages.shown.map(({ userId }) => {
          const cell = table.cell(userId, videoId);
          return (
            <li key={userId}>
              <span>{userId}</span>
              {(cell || loading === null) && <CellView cell={cell} />}
            </li>
          );
        })}
      </ul>
      <Pager pages={pages} />
    </>
  );
}
