// The lessons of a course with how far its students have come in each; one of them in detail.

import { useMemo, useState } from "preact/hooks";
import { TextField } from "../../design/field.tsx";
import { Dialog } from "../../design/overlays/dialog.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { Share } from "../../design/share.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import type { Lesson } from "../service/answers.ts";
import { LessonViewers } from "./lesson_viewers.tsx";
import type { WatchedListProps } from "./students_table.tsx";
import type { LessonRow } from "./watch_table.ts";

export function LessonsTable({ watched, lessons }: WatchedListProps) {
  const { table, enrolled } = watched;
  const [wanted, setWanted] = useState("");
  const [detailed, setDetailed] = useState<Lesson | null>(null);
  const version = table.version.value;
  const rows = useMemo(() => {
    const words = wanted.trim().toLowerCase();
    const found = lessons.filter(({ title }) => title.toLowerCase().includes(words));
    return table.lessons(enrolled, found);
  }, [version, enrolled, lessons, wanted]);
  const pages = usePages(rows);
  if (!lessons.length) return <EmptyState icon="film" title={text("studio.watched.noLessons")} />;
  return (
    <>
      <div class="tools">
        <TextField label={text("studio.watched.search")} value={wanted} onInput={setWanted} />
      </div>
      {rows.length ? (
        <Rows rows={pages.shown} show={setDetailed} />
      ) : (
        <EmptyState icon="search" title={text("studio.watched.noMatch")} />
      )}
      <Pager pages={pages} />
      {detailed && (
        <Dialog title={detailed.title} isWide onClose={() => setDetailed(null)}>
          <LessonViewers watched={watched} videoId={detailed.id} />
        </Dialog>
      )}
    </>
  );
}

interface RowsProps {
  rows: readonly LessonRow[];
  show: (lesson: Lesson) => void;
}

function Rows({ rows, show }: RowsProps) {
  return (
    <div class="table-frame card">
      <table class="table watched">
        <thead>
          <tr>
            <th scope="col">{text("studio.watched.lesson")}</th>
            <th scope="col">{text("studio.watched.average")}</th>
            <th scope="col" class="wide-only">
              {text("studio.watched.viewers")}
            </th>
            <th scope="col" class="wide-only">
              {text("studio.watched.completed")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ lesson, ratio, viewers, completed }) => (
            <tr key={lesson.id}>
              <th scope="row">
                <button type="button" class="link" onClick={() => show(lesson)}>
                  <bdi>{lesson.title}</bdi>
                </button>
              </th>
              <td>
                <Share ratio={ratio} />
              </td>
              <td class="wide-only">{viewers}</td>
              <td class="wide-only">{completed}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
