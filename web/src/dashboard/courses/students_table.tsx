// The students of a course, a page at a time, by the figure that the reader chooses.

import { useState } from "preact/hooks";
import { clock } from "../../browser/elements.ts";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { dateTime, text, timeSum } from "../../texts/texts.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { Part } from "../parts/trouble.tsx";
import { isPlayingIn, useFresh } from "../parts/use_fresh.ts";
import {
  type StudentFigure,
  type StudentOrder,
  type StudentPage,
  type StudentRow,
  studentsPageUrl,
  studentsUrl,
} from "../service/figures.ts";
import { sessionsAddress } from "../service/routes.ts";
import { SortHead } from "./sort_head.tsx";

const ROWS_A_PAGE = 50;
const BY_ENROLMENT: StudentOrder = { figure: "enrolled", isDescending: false };

interface StudentsTableProps {
  courseId: string;
  /** How many lessons the course has. */
  lessons: number;
}

export function StudentsTable({ courseId, lessons }: StudentsTableProps) {
  const [order, setOrder] = useState(BY_ENROLMENT);
  const [cursors, turn] = useState<readonly (string | null)[]>([null]); // to this page, and before
  const isPlaying = isPlayingIn(courseId);
  const url = studentsPageUrl(courseId, order, cursors.at(-1) ?? null, ROWS_A_PAGE);
  const students = useFresh<StudentPage>(url, {
    isChangedBy: (type, event) =>
      isPlaying(type, event) || (type === "enrollment.changed" && event.course_id === courseId),
  });
  const sort = (next: StudentOrder) => {
    setOrder(next);
    turn([null]);
  };
  return (
    <section aria-labelledby="students-title">
      <h2 id="students-title">{text("dashboard.students")}</h2>
      <div class="tools">
        <p class="quiet">
          {text(order.figure === "enrolled" ? "dashboard.studentsOrder" : "dashboard.studentsAll")}
        </p>
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
              <Rows rows={page.items} lessons={lessons} order={order} sort={sort} />
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

interface RowsProps {
  rows: readonly StudentRow[];
  lessons: number;
  order: StudentOrder;
  sort: (order: StudentOrder) => void;
}

function Rows({ rows, lessons, order, sort }: RowsProps) {
  const head = (figure: StudentFigure, title: string, className = "") => (
    <SortHead figure={figure} title={title} order={order} sort={sort} class={className} />
  );
  return (
    <div class="table-frame card">
      <table class="table">
        <thead>
          <tr>
            {head("user_id", text("dashboard.student"))}
            {head("videos_completed", text("dashboard.completedOfAll"))}
            {head("watched_seconds", text("dashboard.metrics.watched"), "wide-only")}
            {head("last_seen_at", text("dashboard.lastSeen"), "wide-only")}
            <th scope="col">{text("dashboard.stoppedAt")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.user_id}>
              <th scope="row">
                <a href={sessionsAddress({ userId: row.user_id, day: "" })}>{row.user_id}</a>
              </th>
              <td>{text("dashboard.of", { count: row.videos_completed, all: lessons })}</td>
              <td class="wide-only">{timeSum(row.watched_seconds)}</td>
              <td class="wide-only quiet">
                {row.last_seen_at ? dateTime(row.last_seen_at) : text("dashboard.never")}
              </td>
              <td class="table__name">
                <Stopped row={row} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Stopped({
  row: { stopped_in: id, stopped_in_title: title, stopped_at },
}: {
  row: StudentRow;
}) {
  if (id === null) return <span class="quiet">–</span>;
  const at = Math.floor(stopped_at ?? 0);
  return (
    <a href={`/watch/${encodeURIComponent(id)}?t=${at}`}>
      {text("dashboard.stoppedIn", { title: title ?? "", time: clock(at) })}
    </a>
  );
}
