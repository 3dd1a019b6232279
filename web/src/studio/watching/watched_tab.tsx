// Who watched how far, by student or by lesson, live and from the database.

import { useMemo, useState } from "preact/hooks";
import { saveFile } from "../../browser/downloads.ts";
import { Button } from "../../design/button.tsx";
import { Choice } from "../../design/choice.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import type { CourseModel } from "../courses/course_model.ts";
import { inWords } from "../parts/failures.ts";
import { LessonsTable } from "./lessons_table.tsx";
import { LoadingChip } from "./loading_chip.tsx";
import { progressCsv } from "./progress_csv.ts";
import { StudentsTable } from "./students_table.tsx";
import { useWatched } from "./use_watched.ts";

const VIEWS = ["byStudent", "byLesson"] as const;

export function WatchedTab({ model, courseId }: { model: CourseModel; courseId: string }) {
  const watched = useWatched(courseId);
  const [view, setView] = useState<(typeof VIEWS)[number]>("byStudent");
  const { table, enrolled, loading, error } = watched;
  const lessons = useMemo(
    () => model.lessons.value.filter(({ status }) => status === "ready"),
    [model.lessons.value],
  );
  if (error)
    return (
      <ErrorState title={text("studio.notLoaded")} onRetry={watched.load}>
        {inWords(error)}
      </ErrorState>
    );
  if (loading === null && !enrolled.length && !table.hasAny)
    return (
      <EmptyState icon="people" title={text("studio.watched.empty")}>
        {text("studio.watched.emptyText")}
      </EmptyState>
    );
  const download = () => {
    const rows = progressCsv(table, enrolled, model.modules.value);
    saveFile(`${courseId}.csv`, rows, "text/csv;charset=utf-8");
  };
  return (
    <>
      <div class="tools">
        <Choice
          label={text("studio.watched.view")}
          names={VIEWS}
          current={view}
          titleOf={(name) => text(`studio.watched.${name}`)}
          choose={setView}
        />
        <LoadingChip watched={watched} />
        <Button kind="quiet" disabled={loading !== null} onClick={download}>
          <Icon name="download" />
          {text("studio.watched.csv")}
        </Button>
      </div>
      {view === "byStudent" ? (
        <StudentsTable watched={watched} lessons={lessons} />
      ) : (
        <LessonsTable watched={watched} lessons={lessons} />
      )}
    </>
  );
}
