// The way back from what was deleted or withdrawn.

import { showToast } from "../../design/overlays/toasts.tsx";
import { text } from "../../texts/texts.ts";

const OFFERED_MS = 30_000;

/** Say what was done, with a button that undoes it. */
export function offerUndo(message: string, undo: () => unknown) {
  const action = { label: text("common.undo"), run: () => void undo() };
  showToast({ message, action, forMs: OFFERED_MS });
}
