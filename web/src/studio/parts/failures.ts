// Errors in the teacher's words.

import { showToast } from "../../design/overlays/toasts.tsx";
import { failureInWords, referenceOf } from "../../pages/failures.ts";
import { ApiError } from "../../service/client.ts";
import { text } from "../../texts/texts.ts";

/** What went wrong and what can be done, as one text. */
export function inWords(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.status === 401) return text("studio.signInAgain");
    if (error.status === 412) return text("studio.changedMeanwhile");
    if (error.code === "order-mismatch") return text("studio.listChanged");
  }
  return [failureInWords(error), referenceOf(error)].filter(Boolean).join(" ");
}

export function showFailure(error: unknown) {
  showToast({ message: inWords(error), tone: "bad", forMs: 15_000 });
}

/** Run what a click asked for; a failure is shown. True when it worked. */
export async function attempt(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    showFailure(error);
    return false;
  }
}

export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}
