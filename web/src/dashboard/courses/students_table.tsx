// The students of a course, a page at a time as the service lists them: by their enrolment.

import { useEffect, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { FailureText } from "../../pages/failure.tsx";
import { dateTime, text, timeSum } from "../../texts/texts.ts";
import { useDashboard } from "../parts/context.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { Refresher } from "../parts/refresher.ts";
import { isPlayingIn } from "../parts/use_fresh.ts";
import {
  readStudents,
  type StudentPage,
  type StudentRow,
  studentsUrl,
} from "../service/figures.ts";

const ROWS_A_PAGE = 50;
const EVERY_MS = 2_000;

export function StudentsTable({ courseId }: { courseId: string }) {
  const { page, error, cursors, turn, reload } = useStudents(courseId);
  return (
    <section aria-labelledby="students-title">
      <h2 id="students-title">{text("dashboard.students")}</h2>
      {error !== undefined && !page && (
        <ErrorState title={text("dashboard.notLoaded")} onRetry={reload}>
          <FailureText error={error} />
        </ErrorState>
      )}
      {!page && error === undefined && <div class="skeleton tile__skeleton" aria-busy="true" />}
      {page && !page.items.length && cursors.length === 1 && (
        <EmptyState icon="people" title={text("dashboard.noStudents")}>
          {text("dashboard.noStudentsText")}
        </EmptyState>
      )}
      {page && (page.items.length > 0 || cursors.length > 1) && (
        <>
          <div class="tools">
            <p class="quiet">{text("dashboard.studentsOrder")}</p>
            <CsvButton
              url={studentsUrl(courseId)}
              name={`${courseId}-students`}
              of={text("dashboard.students")}
            />
          </div>
          <Rows rows={page.items} />
          <Turning page={page} cursors={cursors} turn={turn} />
        </>
      )}
    </section>
  );
}

/** A page of students, read again as they watch; `cursors` lead to it and the pages before. */
function useStudents(courseId: string) {
  const { api, listen } = useDashboard();
  const [cursors, turn] = useState<readonly (string | null)[]>([null]);
  const [page, setPage] = useState<StudentPage>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  const cursor = cursors.at(-1) ?? null;
  useEffect(() => {
    let isLeft = false;
    const read = async () => {
      try {
        const found = await readStudents(api, courseId, cursor, ROWS_A_PAGE);
        if (isLeft) return;
        setPage(found);
        setError(undefined);
      } catch (failure) {
        if (!isLeft) setError(failure);
      }
    };
    const refresher = new Refresher(read, EVERY_MS);
    refresher.ask();
    const isChangedBy = isPlayingIn(courseId);
    const stop = listen((type, event) => {
      const isEnrollment = type === "enrollment.changed" && event.course_id === courseId;
      if (type === "reset" || isEnrollment || isChangedBy(type, event)) refresher.ask();
    });
    return () => {
      isLeft = true;
      stop();
      refresher.stop();
    };
  }, [courseId, cursor, round]);
  return { page, error, cursors, turn, reload: () => setRound((before) => before + 1) };
}

interface TurningProps {
  page: StudentPage;
  cursors: readonly (string | null)[];
  turn: (cursors: readonly (string | null)[]) => void;
}

function Turning({ page, cursors, turn }: TurningProps) {
  const next = page.next_cursor;
  if (cursors.length === 1 && !next) return null;
  const first = (cursors.length - 1) * ROWS_A_PAGE;
  return (
    <div class="pager">
      <Button
        kind="icon"
        label={text("studio.pager.previous")}
        disabled={cursors.length === 1}
        onClick={() => turn(cursors.slice(0, -1))}
      >
        <Icon name="back" />
      </Button>
      <span class="quiet number" aria-live="polite">
        {text("dashboard.rows", { from: first + 1, to: first + page.items.length })}
      </span>
      <Button
        kind="icon"
        label={text("studio.pager.next")}
        disabled={!next}
        onClick={() => next && turn([...cursors, next])}
      >
        <Icon name="arrow" />
      </Button>
    </div>
  );
}

function Rows({ rows }: { rows: readonly StudentRow[] }) {
  return (
    <div class="table-frame card">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text("dashboard.student")}</th>
            <th scope="col">{text("dashboard.completedOfStarted")}</th>
            <th scope="col">{text("dashboard.metrics.watched")}</th>
            <th scope="col" class="wide-only">
              {text("dashboard.lastSeen")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.user_id}>
              <th scope="row">{row.user_id}</th>
              <td>
                {text("dashboard.of", { count: row.videos_completed, all: row.videos_started })}
              </td>
              <td>{timeSum(row.watched_seconds)}</td>
              <td class="wide-only quiet">
                {row.last_seen_at ? dateTime(row.last_seen_at) : text("dashboard.never")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
