// Asks, before somebody signs out, what becomes of the lessons that they keep on this device: others
// may use it, and whoever does can watch them.

import { Button } from "../design/button.tsx";
import { ask } from "../design/overlays/ask.ts";
import { Dialog } from "../design/overlays/dialog.tsx";
import { removeAll } from "../offline/downloads.ts";
import { type Lesson, listLessons } from "../offline/shelf.ts";
import { bytes, text } from "../texts/texts.ts";

type Choice = "cancel" | "keep" | "remove";

/** False where the viewer stays after all. Nothing is asked of who keeps nothing. */
export async function settleKeptLessons(userId: string): Promise<boolean> {
  const lessons = await listLessons(userId);
  if (!lessons.length) return true;
  const choice = await ask<Choice>((answer) => <Question lessons={lessons} answer={answer} />);
  if (choice === "remove") await removeAll(userId);
  return choice !== "cancel";
}

interface QuestionProps {
  lessons: readonly Lesson[];
  answer: (choice: Choice) => void;
}

// Escape closes it, too: then nothing changes.
function Question({ lessons, answer }: QuestionProps) {
  const count = lessons.length;
  const size = bytes(lessons.reduce((sum, { keptBytes }) => sum + keptBytes, 0));
  const actions = (
    <>
      <Button kind="quiet" onClick={() => answer("keep")}>
        {text("signIn.keepLessons")}
      </Button>
      <Button onClick={() => answer("remove")}>{text("signIn.removeLessons")}</Button>
    </>
  );
  return (
    <Dialog
      title={text("signIn.keptTitle", { count })}
      actions={actions}
      onClose={() => answer("cancel")}
    >
      <ul>
        {lessons.map(({ videoId, title }) => (
          <li key={videoId}>
            <bdi>{title}</bdi>
          </li>
        ))}
      </ul>
      <p>{text("signIn.keptText", { count, size })}</p>
      <p class="quiet">{text("signIn.keptHint")}</p>
    </Dialog>
  );
}
