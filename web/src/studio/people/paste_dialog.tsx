// Enrols many people from a pasted list: first shows what each line would do, then does it.

import { useMemo, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Field } from "../../design/field.tsx";
import { Dialog } from "../../design/overlays/dialog.tsx";
import { showToast } from "../../design/overlays/toasts.tsx";
import { ProgressBar } from "../../design/progress_bar.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { inWords } from "../parts/failures.ts";
import { FileButton } from "../parts/file_button.tsx";
import { useUnsaved } from "../parts/navigation.ts";
import type { Enrollment, Role } from "../service/answers.ts";
import { PlanTable } from "./plan_table.tsx";
import { type PlannedEntry, parseRoster, planned } from "./roster.ts";

const AT_ONCE = 4;

export interface LineFailure {
  entry: PlannedEntry;
  message: string;
}

interface PasteDialogProps {
  courseId: string;
  people: readonly Enrollment[];
  onClose: () => void;
}

export function PasteDialog({ courseId, people, onClose }: PasteDialogProps) {
  const { api, isPrivileged } = useStudio();
  const [list, setList] = useState("");
  const [role, setRole] = useState<Role>("student");
  const [done, setDone] = useState<number | null>(null);
  const [failures, setFailures] = useState<LineFailure[]>([]);
  const plan = useMemo(
    () => planned(parseRoster(list, role, isPrivileged), people),
    [list, role, people],
  );
  useUnsaved(list !== "");
  const wanted = plan.filter(({ fault, effect }) => !fault && effect !== "same");
  const apply = async () => {
    setDone(0);
    const enrol = (entry: PlannedEntry) => api.enrol(courseId, entry.userId, entry.role);
    const failed = await inTurns(wanted, enrol, (count) => setDone(count));
    setDone(null);
    const count = wanted.length - failed.length;
    if (count) showToast({ message: text("studio.people.applied", { count }) });
    if (!failed.length) return onClose();
    setFailures(failed);
    setList(failed.map(({ entry }) => `${entry.userId}, ${entry.role}`).join("\n"));
  };
  return (
    <Dialog
      title={text("studio.people.add")}
      isWide
      onClose={onClose}
      actions={
        <>
          <Button kind="quiet" onClick={onClose}>
            {text("common.cancel")}
          </Button>
          <Button disabled={!wanted.length || done !== null} onClick={() => void apply()}>
            {text("studio.people.apply", { count: wanted.length })}
          </Button>
        </>
      }
    >
      <Field
        label={text("studio.people.pasteLabel")}
        hint={text("studio.people.pasteHint")}
        control={(attributes) => (
          <textarea
            {...attributes}
            value={list}
            spellcheck={false}
            placeholder={text("studio.people.pastePlaceholder")}
            onInput={({ currentTarget }) => setList(currentTarget.value)}
          />
        )}
      />
      <div class="tools">
        <FileButton
          accept=".csv,.tsv,.txt,text/csv,text/plain"
          choose={(files) => void files[0]?.text().then(setList)}
        >
          {text("studio.people.file")}
        </FileButton>
        {isPrivileged && <DefaultRole role={role} choose={setRole} />}
      </div>
      {done !== null && (
        <ProgressBar
          value={done / wanted.length}
          label={text("studio.people.applying", { done, all: wanted.length })}
        />
      )}
      <Failures failures={failures} />
      {plan.length > 0 && <PlanTable plan={plan} />}
    </Dialog>
  );
}

function DefaultRole({ role, choose }: { role: Role; choose: (role: Role) => void }) {
  return (
    <Field
      label={text("studio.people.defaultRole")}
      control={(attributes) => (
        <select
          {...attributes}
          value={role}
          onChange={({ currentTarget }) => choose(currentTarget.value as Role)}
        >
          <option value="student">{text("studio.people.roles.student")}</option>
          <option value="instructor">{text("studio.people.roles.instructor")}</option>
        </select>
      )}
    />
  );
}

function Failures({ failures }: { failures: readonly LineFailure[] }) {
  if (!failures.length) return null;
  return (
    <div class="warnings" role="alert">
      <p>{text("studio.people.notApplied", { count: failures.length })}</p>
      <ul>
        {failures.map(({ entry, message }) => (
          <li key={entry.userId}>
            <strong>{entry.userId}</strong>: {message}
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Do the work for each entry, a few at once; returns what failed. */
async function inTurns(
  entries: readonly PlannedEntry[],
  work: (entry: PlannedEntry) => Promise<unknown>,
  tell: (done: number) => void,
): Promise<LineFailure[]> {
  const left = [...entries];
  const failed: LineFailure[] = [];
  let done = 0;
  const worker = async () => {
    for (let entry = left.shift(); entry; entry = left.shift()) {
      const at = entry;
      await work(at).catch((error) => failed.push({ entry: at, message: inWords(error) }));
      done += 1;
      tell(done);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return failed;
}
