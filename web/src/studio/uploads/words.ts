// The state of an upload as a sentence, with the way out where it stands still.

import { sentenceOf } from "../../courses/failure.ts";
import { bytes, percent, text } from "../../texts/texts.ts";
import { type Job, ratioOf, type Trouble } from "./job.ts";

const SENTENCES = {
  "no-permission": "noPermission",
  "file-changed": "fileChanged",
  "too-large": "tooLarge",
  "over-quota": "overQuota",
  empty: "empty",
  "invalid-token": "signIn",
  "not-allowed": "notAllowed",
  "not-enrolled": "notAllowed",
  "not-found": "notFound",
} as const;

export function troubleInWords({ code, detail }: Trouble, share = ""): string {
  if (code === "file-gone") return text("studio.trouble.fileGone", { share });
  const known = SENTENCES[code as keyof typeof SENTENCES];
  if (known) return text(`studio.trouble.${known}`);
  return sentenceOf(code) ?? text("studio.trouble.unknown", { detail });
}

export function stateInWords(job: Job): string {
  const share = percent(ratioOf(job));
  const { state, trouble, offset, size } = job;
  if (trouble && (state === "lost" || state === "refused")) return troubleInWords(trouble, share);
  if (state === "waiting") {
    const isBusy = trouble !== null && trouble.code !== "0";
    return isBusy
      ? text("studio.states.busy", { share })
      : text("studio.states.waiting", { share });
  }
  if (state === "paused") return text("studio.states.paused", { share });
  if (state !== "sending") return state === "queued" ? text("studio.states.queued") : sent();
  if (size && offset >= size) return text("studio.states.checking");
  return text("studio.states.sending", { done: bytes(offset), all: bytes(size) });
}

function sent(): string {
  return text("studio.states.sent");
}
