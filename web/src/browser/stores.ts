// Web storage where the browser grants it, else memory: all cookies may be blocked, the page may be
// a third party's frame, a web view may lack DOM storage. Reading `localStorage` then throws or is
// null. What is in memory ends with the page.

type Store = Pick<Storage, "length" | "key" | "getItem" | "setItem" | "removeItem">;

class MemoryStore implements Store {
  #entries = new Map<string, string>();

  get length() {
    return this.#entries.size;
  }

  key(index: number) {
    return [...this.#entries.keys()][index] ?? null;
  }

  getItem(key: string) {
    return this.#entries.get(key) ?? null;
  }

  setItem(key: string, value: string) {
    this.#entries.set(key, String(value));
  }

  removeItem(key: string) {
    this.#entries.delete(key);
  }
}

/** Lives as long as the tab. */
export const tabStore = openStore("sessionStorage");

/** Shared by all pages of the browser. */
export const browserStore = openStore("localStorage");

/** False where a reload forgets the viewer. */
export const keepsTab = !(tabStore instanceof MemoryStore);

/** The parsed JSON under a key; null when there is none, or none that can be read. */
export function readJson(store: Store, key: string): unknown {
  try {
    return JSON.parse(store.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

/** Under which names anything is kept. */
export function storedNames(store: Store): string[] {
  return Array.from({ length: store.length }, (_, i) => store.key(i) ?? "");
}

/** Keep a value as JSON; false when the store is full or forbidden. */
export function writeJson(store: Store, key: string, value: unknown): boolean {
  try {
    store.setItem(key, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

function openStore(name: "sessionStorage" | "localStorage"): Store {
  try {
    const store = globalThis[name];
    store.getItem("");
    return store;
  } catch {
    return new MemoryStore();
  }
}
