// Small dialogs: give a title, confirm what cannot be overlooked.

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { TextField } from "../../design/field.tsx";
import { Dialog } from "../../design/overlays/dialog.tsx";
import { text } from "../../texts/texts.ts";
import { inWords } from "./failures.ts";

const LONGEST_TITLE = 200;

interface TitleDialogProps {
  heading: string;
  hint?: string;
  title?: string;
  action: string;
  /** Further fields below the title. */
  children?: ComponentChildren;
  save: (title: string) => Promise<unknown>;
  onClose: () => void;
}

/** Asks for a title and stays open with the reason when it could not be saved. */
export function TitleDialog(props: TitleDialogProps) {
  const [title, setTitle] = useState(props.title ?? "");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const form = useId();
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!title.trim()) return setError(text("studio.titleNeeded"));
    setBusy(true);
    try {
      await props.save(title.trim());
      props.onClose();
    } catch (failure) {
      setError(failure instanceof Complaint ? failure.message : inWords(failure));
    }
    setBusy(false);
  };
  return (
    <Dialog
      title={props.heading}
      onClose={props.onClose}
      actions={
        <button type="submit" form={form} class="button" disabled={isBusy}>
          {props.action}
        </button>
      }
    >
      <form id={form} onSubmit={submit} class="stack" noValidate>
        <TextField
          label={text("studio.titleLabel")}
          hint={props.hint}
          error={error}
          value={title}
          maxLength={LONGEST_TITLE}
          onInput={setTitle}
        />
        {props.children}
      </form>
    </Dialog>
  );
}

/** Thrown by `save` with a sentence for the form. */
export class Complaint extends Error {}

interface ConfirmProps {
  title: string;
  children: ComponentChildren;
  action: string;
  run: () => void;
  onClose: () => void;
}

export function Confirm({ title, children, action, run, onClose }: ConfirmProps) {
  const goAhead = () => {
    onClose();
    run();
  };
  return (
    <Dialog
      title={title}
      onClose={onClose}
      actions={
        <>
          <Button kind="quiet" onClick={onClose}>
            {text("common.cancel")}
          </Button>
          <Button kind="danger" onClick={goAhead}>
            {action}
          </Button>
        </>
      }
    >
      <p>{children}</p>
    </Dialog>
  );
}
