// Asks before a link changes who is signed in: whoever sent it would else see what is done then,
// or have it counted for someone else.

import { Button } from "../design/button.tsx";
import { ask } from "../design/overlays/ask.ts";
import { Dialog } from "../design/overlays/dialog.tsx";
import { text } from "../texts/texts.ts";
import type { Viewer } from "./viewer.ts";

/** Asks the viewer to continue as `next`, who is not `current`; resolves with the answer. */
export function askWhetherToChange(current: Viewer, next: Viewer): Promise<boolean> {
  return ask((answer) => <Question current={current} next={next} answer={answer} />);
}

interface QuestionProps {
  current: Viewer;
  next: Viewer;
  answer: (isChanging: boolean) => void;
}

// Escape closes it, too: then nothing changes.
function Question({ current, next, answer }: QuestionProps) {
  const actions = (
    <>
      <Button kind="quiet" onClick={() => answer(false)}>
        {text("signIn.stay", { name: current.name })}
      </Button>
      <Button onClick={() => answer(true)}>{text("signIn.change", { name: next.name })}</Button>
    </>
  );
  return (
    <Dialog
      title={text("signIn.changeTitle", { name: named(next) })}
      actions={actions}
      onClose={() => answer(false)}
    >
      <p>{text("signIn.changeText", { next: named(next), current: named(current) })}</p>
      <p class="quiet">{text("signIn.changeWarning")}</p>
    </Dialog>
  );
}

// A name is what the token says; the id is what the course goes by.
function named({ name, userId }: Viewer): string {
  return name === userId ? userId : `${name} (${userId})`;
}
