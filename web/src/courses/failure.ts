// Why the file of a lesson could not be prepared, in the language of the page, with a way out. Only
// those who can mend it see lessons that failed.

import { text } from "../texts/texts.ts";

const SENTENCES = {
  "unsupported-format": "unsupportedFormat",
  undecodable: "undecodable",
  "no-video": "noVideo",
  "too-complex": "tooComplex",
  "timed-out": "timedOut",
  "out-of-space": "outOfSpace",
  internal: "internal",
} as const;

/** Null for a code that only a newer server has. */
export function sentenceOf(code: string): string | null {
  const known = SENTENCES[code as keyof typeof SENTENCES];
  return known ? text(`lesson.failures.${known}`) : null;
}

export function failureInWords({ code, detail }: { code: string; detail: string }): string {
  return sentenceOf(code) ?? detail;
}
