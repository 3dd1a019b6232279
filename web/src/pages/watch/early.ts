// What the page of a lesson does before its modules are there: it shows the chosen colour scheme,
// and asks for the terms of the lesson, where nothing speaks against it: somebody is signed in, no
// earlier page of this tab is gone on with, and no report waits that would move the place. Then the
// engine of ladders, where the lesson has one. A classic script of one file, which waits for no
// other; the answer is taken by `playback/early_terms.ts`.

import {
  lessonKey,
  prefetchedName,
  sessionName,
  UNSENT,
  UNSENT_ELSEWHERE,
} from "../../browser/stored_names.ts";
import { browserStore, storedNames, tabStore } from "../../browser/stores.ts";
import { applyScheme } from "../../design/page/scheme.ts";
import { hasMediaSource } from "../../playback/sources.ts";
import type { Terms } from "../../service/answers.ts";
import { readKeptViewer } from "../../session/viewer.ts";

/** The address of the module of `playback/hls_engine.ts`; the build fills it in. */
declare const HLS_ENGINE: string;

const PATIENCE_MS = 10_000;

function ask(): EarlyTerms | null {
  const viewer = readKeptViewer();
  if (!viewer || viewer.expiresAtMs <= Date.now() || location.hash) return null;
  const lesson = { userId: viewer.userId, videoId: location.pathname.split("/")[2] ?? "" };
  const isKept = [sessionName(lesson), prefetchedName(lesson)].some((one) => tabStore.getItem(one));
  if (isKept || storedNames(browserStore).some(isUnsent)) return null;
  return { place: lessonKey(lesson), answer: askTerms(lesson.videoId) };
}

function isUnsent(name: string): boolean {
  return name.startsWith(UNSENT) || name.startsWith(UNSENT_ELSEWHERE);
}

async function askTerms(videoId: string): Promise<Terms | null> {
  const answer = await fetch(`/api/v1/videos/${encodeURIComponent(videoId)}/playback`, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: "{}",
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!answer.ok) return null;
  const terms = (await answer.json()) as Terms;
  if (terms.hls_url && hasMediaSource()) fetchEngine();
  return terms;
}

function fetchEngine() {
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = HLS_ENGINE;
  document.head.append(link);
}

applyScheme();
// Taken already: the modules were quicker, and ask themselves.
if (globalThis.coursestreamEarly === undefined) {
  globalThis.coursestreamEarly = ask();
  // What fails here is met again, and explained, when the player asks.
  globalThis.coursestreamEarly?.answer.catch(() => {});
}
