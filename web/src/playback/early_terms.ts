// The terms that a script of the page has asked for before its modules were there.

import { lessonKey } from "../browser/stored_names.ts";
import type { Terms } from "../service/answers.ts";
import type { PlaybackKey } from "./playback.ts";

declare global {
  /** `place` is `{user}/{video}`; the answer is null where the service refused. */
  interface EarlyTerms {
    place: string;
    answer: Promise<unknown>;
  }
  var coursestreamEarly: EarlyTerms | null | undefined;
}

/** Those of this viewer and lesson, for one use; null when there are none. */
export async function takeEarlyTerms(key: PlaybackKey): Promise<Terms | null> {
  const early = globalThis.coursestreamEarly;
  globalThis.coursestreamEarly = null;
  if (early?.place !== lessonKey(key)) return null;
  return (await early.answer.catch(() => null)) as Terms | null;
}
