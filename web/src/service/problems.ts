// Every error of the service as a sentence for a viewer, with a way out. Pure.

import type { ApiError } from "./client.ts";

/** `retry`: ask again; `sign-in`: get a new token; null: nothing that the player could do. */
export type WayOut = "retry" | "sign-in" | null;

export interface Problem {
  sentence: string;
  advice: string;
  wayOut: WayOut;
}

type Row = [sentence: string, advice: string, wayOut: WayOut];

const AGAIN = "Try again in a moment.";
const TELL = "If it happens again, tell whoever runs this course.";
const TEACHER = "Ask your teacher, or the support of your course site.";
const SITE = "Go back to your course site and open the lesson from there.";

const SENTENCES: Record<string, Row> = {
  "invalid-token": ["Your sign-in has ended.", SITE, "sign-in"],
  "not-enrolled": ["You are no longer enrolled in this course, or never were.", TEACHER, "retry"],
  "not-allowed": ["Your role in this course does not allow this.", TEACHER, null],
  "not-found": ["There is no video here, or it has been deleted.", SITE, null],
  "not-ready": [
    "This video is still being prepared.",
    "It starts here as soon as it is ready.",
    null,
  ],
  failed: ["This video could not be prepared.", "Your teacher has to upload it again.", null],
  "cannot-play": [
    "This browser cannot play this video.",
    "Try another browser, or update this one.",
    null,
  ],
  "rate-limited": [
    "You have too many videos open, or asked too often.",
    "Close other players of this course, then try again.",
    "retry",
  ],
  unavailable: ["The service is not available at the moment.", AGAIN, "retry"],
  internal: ["The service has made a mistake.", `${AGAIN} ${TELL}`, "retry"],
  "invalid-request": [
    "The service did not understand this player.",
    `Reload the page. ${TELL}`,
    "retry",
  ],
  "method-not-allowed": [
    "The service did not understand this player.",
    `Reload the page. ${TELL}`,
    "retry",
  ],
  "not-acceptable": [
    "There is no format of this video for this browser.",
    "Try another browser, or update this one.",
    null,
  ],
  "module-elsewhere": ["This lesson belongs to another course.", SITE, null],
  "precondition-failed": [
    "Someone else has changed this meanwhile.",
    "Reload the page to see what it is now.",
    "retry",
  ],
  "range-not-satisfiable": ["The video has changed while it played.", "Start it again.", "retry"],
  "offset-mismatch": ["The upload continues at another place.", AGAIN, "retry"],
  "checksum-mismatch": ["Bytes were damaged on their way.", AGAIN, "retry"],
  locked: ["Someone is using this at the moment.", AGAIN, "retry"],
  empty: ["The file is empty.", "Choose another file.", null],
  "too-large": ["The file is too large.", "Choose a smaller file.", null],
  "over-quota": ["There is no room left for this file.", TELL, null],
  "unsupported-format": ["Files of this format are not accepted.", "Choose another file.", null],
  undecodable: ["The file is damaged.", "Your teacher has to upload it again.", null],
  "no-video": ["The file holds no video.", "Choose another file.", null],
  "too-complex": ["The file is larger or longer than is allowed.", "Choose another file.", null],
  "licence-refused": [
    "This video may no longer be played offline.",
    "Connect to the internet and open it again.",
    "retry",
  ],
  "no-licence": [
    "The licence of this download cannot be verified here.",
    "Update this browser, and set the clock of this device.",
    null,
  ],
  "no-room": [
    "There is not enough room on this device.",
    "Remove other downloads, or choose a lower quality.",
    null,
  ],
  "too-few": ["Too few people have watched this to show figures.", "Look again later.", null],
};

const BY_STATUS: Record<number, string> = {
  401: "invalid-token",
  403: "not-enrolled",
  404: "not-found",
  410: "not-found",
  429: "rate-limited",
  503: "unavailable",
};

const NO_CONNECTION: Row = [
  "The server cannot be reached.",
  "Check your connection. Playing goes on when it is back.",
  "retry",
];

export const KNOWN_CODES: readonly string[] = Object.keys(SENTENCES);

export function explain(error: ApiError): Problem {
  const [sentence, advice, wayOut] = rowOf(error);
  const isServersFault = error.status >= 500 && error.reference;
  const reference = isServersFault ? ` (Reference: ${error.reference})` : "";
  return { sentence, advice: advice + reference, wayOut };
}

function rowOf({ status, code, message }: ApiError): Row {
  if (status === 0) return NO_CONNECTION;
  const known = SENTENCES[code] ?? SENTENCES[BY_STATUS[status] ?? ""];
  if (known) return known;
  return [message, status >= 500 ? AGAIN : SITE, status >= 500 ? "retry" : null];
}
