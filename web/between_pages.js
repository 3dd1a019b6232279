// Locks and channels between the pages of this browser, where it grants them: a page whose storage
// is blocked is refused both, and is then alone.

/** The browser's lock manager; null where there is none (plain HTTP, blocked storage). */
export async function lockManager() {
  try {
    await navigator.locks.query();
    return navigator.locks;
  } catch {
    return null;
  }
}

/** A channel to the other pages; one that reaches nobody where the browser refuses it. */
export function openChannel(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return { onmessage: null, postMessage() {}, close() {} };
  }
}
