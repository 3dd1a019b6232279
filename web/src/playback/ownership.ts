// Ownership of a playback session by one page: tabs that were duplicated share their storage, but two pages
// reporting under one session would use the same sequence numbers. A Web Lock lives as long as its
// page; where there are none (plain HTTP on a foreign address, blocked storage) every page believes it is alone.

import { lockManager } from "../browser/between_pages.ts";

// A reloaded page's old self may need a moment to let go.
const PATIENCE_MS = 500;

const lockName = (sessionId: string) => `coursestream.session/${sessionId}`;

/** Own the session for as long as this page lives; false when another page does. */
export async function claim(sessionId: string): Promise<boolean> {
  const locks = await lockManager();
  if (!locks) return true;
  return new Promise((resolve) => {
    const untilThePageGoes = () => {
      resolve(true);
      return new Promise<never>(() => {});
    };
    locks
      .request(lockName(sessionId), { signal: AbortSignal.timeout(PATIENCE_MS) }, untilThePageGoes)
      .catch(() => resolve(false));
  });
}

/** Run something while no page owns the session; not at all when one does. */
export async function ifUnowned(sessionId: string, run: () => Promise<void>): Promise<void> {
  const locks = await lockManager();
  if (!locks) return run();
  return locks.request(lockName(sessionId), { ifAvailable: true }, (lock) =>
    lock ? run() : undefined,
  );
}
