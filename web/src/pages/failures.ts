// Errors of the service as sentences of the pages. What no code or status tells in the language of
// the page, the service's own sentence does.

import { ApiError } from "../service/client.ts";
import { text } from "../texts/texts.ts";

const BY_CODE = {
  "invalid-token": "signInEnded",
  "not-enrolled": "notEnrolled",
  "not-allowed": "notAllowed",
  "not-found": "notFound",
  locked: "locked",
  "rate-limited": "rateLimited",
  "over-quota": "overQuota",
  unavailable: "unavailable",
  internal: "internal",
} as const;

const BY_STATUS: Record<number, keyof typeof BY_CODE> = {
  401: "invalid-token",
  403: "not-allowed",
  404: "not-found",
  410: "not-found",
  429: "rate-limited",
  500: "internal",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** What went wrong, and what can be done. */
export function failureInWords(error: unknown): string {
  if (!(error instanceof ApiError)) {
    console.error(error);
    return text("errors.unexpected");
  }
  const { status, code, detail } = error;
  if (status === 0) return text("errors.noConnection");
  const known = isKnown(code) ? code : detail ? undefined : BY_STATUS[status];
  if (known) return text(`errors.${BY_CODE[known]}`);
  return detail || text("errors.answered", { status });
}

/** Under which the operator finds an error of the server; null for others. */
export function referenceOf(error: unknown): string | null {
  if (!(error instanceof ApiError) || !error.reference) return null;
  return text("common.reference", { reference: error.reference });
}

function isKnown(code: string): code is keyof typeof BY_CODE {
  return code in BY_CODE;
}
