// The students of a course, a page at a time as the service lists them: by their enrolment.

import { useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { dateTime, text, timeSum } from "../../texts/texts.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { Part } from "../parts/trouble.tsx";
import { isPlayingIn, useFresh } from "../parts/use_fresh.ts";
import {
  type StudentPage,
  type StudentRow,
  studentsPageUrl,
  studentsUrl,
} from "../service/figures.ts";

const ROWS_A_PAGE = 50;

export function StudentsTable({ courseId }: { courseId: string }) {
  const [cursors, turn] = useState<readonly (string | null)[]>([null]); // to this page, and before
  const isPlaying = isPlayingIn(courseId);
  const url = studentsPageUrl(courseId, cursors.at(-1) ?? null, ROWS_A_PAGE);
  const students = useFresh<StudentPage>(url, {
    isChangedBy: (type, event) =>
      isPlaying(type, event) || (type === "enrollment.changed" && event.course_id === courseId),
  });
  return (
    <section aria-labelledby="students-title">
      <h2 id="students-title">{text("dashboard.students")}</h2>
      <div class="tools">
        <p class="quiet">{text("dashboard.studentsOrder")}</p>
        <CsvButton
          url={studentsUrl(courseId)}
          name={`${courseId}-students`}
          of={text("dashboard.students")}
        />
      </div>
      <Part fresh={students}>
        {(page) =>
          page.items.length || cursors.length > 1 ? (
            <>
              <Rows rows={page.items} />
              <Turning page={page} cursors={cursors} turn={turn} />
            </>
          ) : (
            <EmptyState icon="people" title={text("dashboard.noStudents")}>
              {text("dashboard.noStudentsText")}
            </EmptyState>
          )
        }
      </Part>
    </section>
  );
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
