// Which page owns a playback session: tabs that were duplicated share their storage, but two pages
// reporting under one session would use the same sequence numbers. A Web Lock lives as long as its
// page; where there are none (plain HTTP on a foreign address) every page believes it is alone.

// A reloaded page's old self may need a moment to let go.
const PATIENCE_MS = 500;

const lockName = (sessionId) => `coursestream.session/${sessionId}`;

/** Own the session for as long as this page lives; false when another page does. */
export function claim(sessionId) {
  if (!navigator.locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const untilThePageGoes = () => {
      resolve(true);
      return new Promise(() => {});
    };
    navigator.locks
      .request(lockName(sessionId), { signal: AbortSignal.timeout(PATIENCE_MS) }, untilThePageGoes)
      .catch(() => resolve(false));
  });
}

export async function ifUnowned(sessionId, run) {
  if (!navigator.locks) return run();
  return navigator.locks.request(
    lockName(sessionId),
    { ifAvailable: true },
    (lock) => lock && run(),
  );
}
