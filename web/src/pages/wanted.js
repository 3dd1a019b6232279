// The page that a viewer wanted when they had to sign in first: the way in often leads to the first
// page, in whatever tab. Kept for all tabs and for minutes only: later it would surprise.

import { browserStore } from "../browser/stores.ts";

const KEY = "coursestream.wanted";
const MAX_AGE_MS = 15 * 60_000;
const PAGES = /^\/watch\/[\w-]+$/;

/** Remember the page that this one is; the first page needs no remembering. */
export function rememberWanted(path) {
  if (!PAGES.test(path)) return;
  try {
    browserStore.setItem(KEY, JSON.stringify({ path, atMs: Date.now() }));
  } catch {
    // A full or forbidden store: the way in leads to the first page, as it says.
  }
}

/** The path that was wanted a short while ago, once; null when there is none. */
export function takeWanted() {
  const kept = JSON.parse(browserStore.getItem(KEY) ?? "null");
  browserStore.removeItem(KEY);
  const isRecent = kept && Date.now() - kept.atMs < MAX_AGE_MS;
  return isRecent && PAGES.test(kept.path) ? kept.path : null;
}
