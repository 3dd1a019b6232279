// Every error of the service as a sentence for a viewer, with a way out. Pure.

import type { en } from "../texts/player/en.ts";
import { playerText } from "../texts/player/texts.ts";
import type { ApiError } from "./client.ts";

/** `retry`: ask again; `sign-in`: get a new token; null: nothing that the player could do. */
export type WayOut = "retry" | "sign-in" | null;

export interface Problem {
  sentence: string;
  advice: string;
  wayOut: WayOut;
}

type Code = keyof typeof en.problems;

const WAYS_OUT: Record<Code, WayOut> = {
  "invalid-token": "sign-in",
  "not-enrolled": "retry",
  "not-allowed": null,
  "not-found": null,
  "not-ready": null,
  failed: null,
  "cannot-play": null,
  "rate-limited": "retry",
  unavailable: "retry",
  internal: "retry",
  "invalid-request": "retry",
  "method-not-allowed": "retry",
  "not-acceptable": null,
  "module-elsewhere": null,
  "order-mismatch": "retry",
  "precondition-failed": "retry",
  "range-not-satisfiable": "retry",
  "offset-mismatch": "retry",
  "checksum-mismatch": "retry",
  locked: "retry",
  empty: null,
  "too-large": null,
  "over-quota": null,
  "unsupported-format": null,
  undecodable: null,
  "no-video": null,
  "too-complex": null,
  "licence-refused": "retry",
  "no-licence": null,
  "no-room": null,
  "too-few": null,
};

const BY_STATUS: Record<number, Code> = {
  401: "invalid-token",
  403: "not-enrolled",
  404: "not-found",
  410: "not-found",
  429: "rate-limited",
  503: "unavailable",
};

export const KNOWN_CODES = Object.keys(WAYS_OUT) as Code[];

export function explain(error: ApiError): Problem {
  const problem = problemOf(error);
  if (!error.reference) return problem;
  const named = playerText("trouble.reference", { reference: error.reference });
  return { ...problem, advice: `${problem.advice} ${named}` };
}

function problemOf({ status, code, detail }: ApiError): Problem {
  if (status === 0) return noConnection();
  const known = KNOWN_CODES.find((one) => one === code) ?? BY_STATUS[status];
  if (known) return problemOfCode(known);
  const sentence = detail || playerText("trouble.answered", { status: String(status) });
  const isServersFault = status >= 500;
  return {
    sentence,
    advice: playerText(isServersFault ? "trouble.again" : "trouble.toSite"),
    wayOut: isServersFault ? "retry" : null,
  };
}

function problemOfCode(code: Code): Problem {
  return {
    sentence: playerText(`problems.${code}.sentence`),
    advice: playerText(`problems.${code}.advice`),
    wayOut: WAYS_OUT[code],
  };
}

function noConnection(): Problem {
  return {
    sentence: playerText("trouble.noConnection"),
    advice: playerText("trouble.noConnectionAdvice"),
    wayOut: "retry",
  };
}
