// The students of a course with how far each has come; one of them in detail.

import { useMemo, useState } from "preact/hooks";
import { Field, TextField } from "../../design/field.tsx";
import { Dialog } from "../../design/overlays/dialog.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { Share } from "../../design/share.tsx";
import { EmptyState } from "../../design/states.tsx";
import { dateTime, text } from "../../texts/texts.ts";
import type { Lesson } from "../service/answers.ts";
import { CellView } from "./cell_view.tsx";
import type { Watched } from "./use_watched.ts";
import {
  type StudentOrder,
  type StudentRow,
  sortedStudents,
  type WatchTable,
} from "./watch_table.ts";

const ORDERS: readonly StudentOrder[] = ["name", "ratio", "seen"];

export interface WatchedListProps {
  watched: Watched;
  lessons: readonly Lesson[];
}

export function StudentsTable({ watched, lessons }: WatchedListProps) {
  const { table, enrolled, loading } = watched;
  const [wanted, setWanted] = useState("");
  const [order, setOrder] = useState<StudentOrder>("name");
  const [detailed, setDetailed] = useState<string | null>(null);
  const version = table.version.value;
  const rows = useMemo(() => {
    const words = wanted.trim().toLowerCase();
    const all = table.students(enrolled, lessons);
    const found = all.filter(({ userId }) => userId.toLowerCase().includes(words));
    return sortedStudents(found, order);
  }, [version, enrolled, lessons, wanted, order]);
  const pages = usePages(rows);
  return (
    <>
      <div class="tools">
        <TextField label={text("studio.watched.search")} value={wanted} onInput={setWanted} />
        <Field
          label={text("studio.watched.sort")}
          control={(attributes) => (
            <select
              {...attributes}
              value={order}
              onChange={({ currentTarget }) => setOrder(currentTarget.value as StudentOrder)}
            >
              {ORDERS.map((one) => (
                <option key={one} value={one}>
                  {text(`studio.watched.sorts.${one}`)}
                </option>
              ))}
            </select>
          )}
        />
      </div>
      {rows.length ? (
        <Rows rows={pages.shown} lessons={lessons} show={setDetailed} />
      ) : (
        loading === null && <EmptyState icon="search" title={text("studio.watched.noMatch")} />
      )}
      <Pager pages={pages} />
      {detailed !== null && (
        <StudentDialog
          userId={detailed}
          table={table}
          lessons={lessons}
          onClose={() => setDetailed(null)}
        />
      )}
    </>
  );
}

interface RowsProps {
  rows: readonly StudentRow[];
  lessons: readonly Lesson[];
  show: (userId: string) => void;
}

function Rows({ rows, lessons, show }: RowsProps) {
  return (
    <div class="table-frame card">
      <table class="table watched">
        <thead>
          <tr>
            <th scope="col">{text("studio.watched.student")}</th>
            <th scope="col">{text("studio.watched.average")}</th>
            <th scope="col" class="wide-only">
              {text("studio.watched.completed")}
            </th>
            <th scope="col" class="wide-only">
              {text("studio.watched.lastSeen")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ userId, isEnrolled, ratio, completed, seenAt }) => (
            <tr key={userId}>
              <th scope="row">
                <button type="button" class="link" onClick={() => show(userId)}>
                  {userId}
                </button>
                {!isEnrolled && <span class="quiet"> {text("studio.watched.gone")}</span>}
              </th>
              <td>
                <Share ratio={ratio} />
              </td>
              <td class="wide-only">
                {text("studio.watched.of", { count: completed, all: lessons.length })}
              </td>
              <td class="wide-only quiet">
                {seenAt ? dateTime(seenAt) : text("studio.watched.never")}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface StudentDialogProps {
  userId: string;
  table: WatchTable;
  lessons: readonly Lesson[];
  onClose: () => void;
}

function StudentDialog({ userId, table, lessons, onClose }: StudentDialogProps) {
  const pages = usePages(lessons);
  void table.version.value;
  return (
    <Dialog title={userId} isWide onClose={onClose}>
      <ul class="details">
        {pages.shown.map(({ id, title }) => (
          <li key={id}>
            <bdi>{title}</bdi>
            <CellView cell={table.cell(userId, id)} />
          </li>
        ))}
      </ul>
      <Pager pages={pages} />
    </Dialog>
  );
}
