// Locks and channels between the pages of this browser, where it grants them: a page whose storage
// is blocked is refused both, and is then alone.

/** A BroadcastChannel, or what stands in for one. */
export interface Channel {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** The browser's lock manager; null where there is none (plain HTTP, blocked storage). */
export async function lockManager(): Promise<LockManager | null> {
  try {
    await navigator.locks.query();
    return navigator.locks;
  } catch {
    return null;
  }
}

/** A channel to the other pages; one that reaches nobody where the browser refuses it. */
export function openChannel(name: string): Channel {
  try {
    return new BroadcastChannel(name);
  } catch {
    return { onmessage: null, postMessage() {}, close() {} };
  }
}
