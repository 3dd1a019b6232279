// How far a lesson is: for the viewer, or, while it is not ready, on its way to be. Pure.

import { clock } from "../browser/elements.ts";
import { resumePlace } from "../playback/resume.ts";
import type { Lesson } from "../service/answers.ts";
import { percent, text } from "../texts/texts.ts";
import { failureInWords } from "./failure.ts";

export const STANDINGS = ["fresh", "active", "done"] as const;
/** Of a viewer in a lesson. */
export type Standing = (typeof STANDINGS)[number];

export function standingOf({ progress }: Lesson): Standing {
  if (progress?.completed) return "done";
  return progress?.watched_ratio || (progress?.position ?? 0) >= 1 ? "active" : "fresh";
}

/** The second at which it goes on; 0 for its beginning. */
export function placeOf({ progress, duration }: Lesson): number {
  return resumePlace(progress?.position ?? 0, duration);
}

/** "Completed", "12% seen, at 1:30", "Being prepared, 40%". */
export function describe(lesson: Lesson): string {
  const { status, failure, progress, duration } = lesson;
  if (status === "processing")
    return text("lesson.preparing", { share: percent(lesson.processing_ratio) });
  if (status === "failed") return failure ? failureInWords(failure) : text("lesson.failed");
  const standing = standingOf(lesson);
  if (standing === "done") return text("lesson.completed");
  if (standing === "fresh") return text("lesson.fresh");
  const time = clock(placeOf(lesson));
  if (duration === null) return text("lesson.at", { time });
  const share = percent(progress?.watched_ratio);
  return placeOf(lesson) < 1
    ? text("lesson.seen", { share })
    : text("lesson.seenAt", { share, time });
}
