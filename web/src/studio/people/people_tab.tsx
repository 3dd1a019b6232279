// Who is enrolled in a course: list, roles, withdrawal, and the way to enrol many at once.

import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { TextField } from "../../design/field.tsx";
import { Icon } from "../../design/icons.tsx";
import { showToast } from "../../design/overlays/toasts.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { attempt, inWords } from "../parts/failures.ts";
import { offerUndo } from "../parts/undo_offer.ts";
import type { Enrollment, Role } from "../service/answers.ts";
import { PasteDialog } from "./paste_dialog.tsx";
import { PersonRow } from "./person_row.tsx";

export function PeopleTab({ courseId }: { courseId: string }) {
  const { people, error, load, setRole, withdraw } = usePeople(courseId);
  const [isAdding, setAdding] = useState(false);
  if (error)
    return (
      <ErrorState title={text("studio.notLoaded")} onRetry={load}>
        {inWords(error)}
      </ErrorState>
    );
  if (!people) return <p class="quiet">{text("common.loading")}</p>;
  const add = (
    <Button onClick={() => setAdding(true)}>
      <Icon name="plus" />
      {text("studio.people.add")}
    </Button>
  );
  return (
    <>
      {people.length ? (
        <PeopleTable people={people} add={add} setRole={setRole} withdraw={withdraw} />
      ) : (
        <EmptyState icon="people" title={text("studio.people.empty")} actions={add}>
          {text("studio.people.emptyText")}
        </EmptyState>
      )}
      {isAdding && (
        <PasteDialog
          courseId={courseId}
          people={people}
          onClose={() => {
            setAdding(false);
            load();
          }}
        />
      )}
    </>
  );
}

interface PeopleTableProps {
  people: readonly Enrollment[];
  add: ComponentChildren;
  setRole: (userId: string, role: Role) => void;
  /** Returns if they are withdrawn. */
  withdraw: (person: Enrollment) => Promise<boolean>;
}

function PeopleTable({ people, add, setRole, withdraw }: PeopleTableProps) {
  const [wanted, setWanted] = useState("");
  const frame = useRef<HTMLDivElement>(null);
  // The button that had the focus leaves with its row.
  const leave = async (person: Enrollment) => {
    if (await withdraw(person)) frame.current?.focus({ preventScroll: true });
  };
  const words = wanted.trim().toLowerCase();
  const found = words
    ? people.filter(({ user_id: id }) => id.toLowerCase().includes(words))
    : people;
  const pages = usePages(found);
  return (
    <>
      <div class="tools">
        <TextField label={text("studio.people.search")} value={wanted} onInput={setWanted} />
        <span class="quiet number">{text("studio.people.count", { count: found.length })}</span>
        {add}
      </div>
      {found.length ? (
        <div class="table-frame card" ref={frame} tabIndex={-1}>
          <table class="table people">
            <thead>
              <tr>
                <th scope="col">{text("studio.people.user")}</th>
                <th scope="col">{text("studio.people.role")}</th>
                <th scope="col" class="people__since">
                  {text("studio.people.since")}
                </th>
                <th scope="col">
                  <span class="visually-hidden">{text("studio.people.withdraw")}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {pages.shown.map((person) => (
                <PersonRow
                  key={person.user_id}
                  person={person}
                  setRole={setRole}
                  withdraw={(one) => void leave(one)}
                />
              ))}
            </tbody>
          </table>
        </div>
      ) : (
        <EmptyState icon="search" title={text("studio.people.noMatch")} />
      )}
      <Pager pages={pages} />
    </>
  );
}

function usePeople(courseId: string) {
  const { api, listen } = useStudio();
  const [people, setPeople] = useState<Enrollment[]>();
  const [error, setError] = useState<unknown>();
  const load = () => {
    setError(undefined);
    api.enrollments(courseId).then(setPeople, setError);
  };
  useEffect(() => {
    load();
    return listen((type, event) => {
      const isOurs = type === "enrollment.changed" && event.course_id === courseId;
      if (isOurs || type === "reset") load();
    });
  }, [courseId]);
  const setRole = async (userId: string, role: Role) => {
    if (!(await attempt(() => api.enrol(courseId, userId, role)))) return load();
    setPeople((all) => all?.map((one) => (one.user_id === userId ? { ...one, role } : one)));
    const word = text(`studio.people.roles.${role}`);
    showToast({ message: text("studio.people.changed", { name: userId, role: word }) });
  };
  const withdraw = async ({ user_id: userId, role }: Enrollment) => {
    if (!(await attempt(() => api.withdraw(courseId, userId)))) return false;
    setPeople((all) => all?.filter((one) => one.user_id !== userId));
    const undo = async () => {
      if (role && (await attempt(() => api.enrol(courseId, userId, role)))) load();
    };
    offerUndo(text("studio.people.withdrawn", { name: userId }), undo);
    return true;
  };
  return {
    people,
    error,
    load,
    setRole: (userId: string, role: Role) => void setRole(userId, role),
    withdraw,
  };
}
