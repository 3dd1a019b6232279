// The page that a viewer wanted when they had to sign in first: the way in often leads to the first
// page, in whatever tab. Kept for all tabs and for minutes only: later it would surprise.

import { browserStore, readJson, writeJson } from "../browser/stores.ts";

const KEY = "coursestream.wanted";
const MAX_AGE_MS = 15 * 60_000;
const PAGES = /^\/(watch\/[\w-]+|studio|dashboard(?:\/(?:server|(?:courses|videos)\/[\w.-]+))?)$/;

/** Remember the page that this one is; the first page needs no remembering. */
export function rememberWanted(path: string) {
  if (PAGES.test(path)) writeJson(browserStore, KEY, { path, atMs: Date.now() });
}

/** The path that was wanted a short while ago, once; null when there is none. */
export function takeWanted(): string | null {
  const kept = readJson(browserStore, KEY) as { path?: unknown; atMs?: unknown } | null;
  browserStore.removeItem(KEY);
  if (typeof kept?.path !== "string" || typeof kept.atMs !== "number") return null;
  return Date.now() - kept.atMs < MAX_AGE_MS && PAGES.test(kept.path) ? kept.path : null;
}
