// Web storage where the browser grants it, else memory: all cookies may be blocked, the page may be
// a third party's frame, a web view may lack DOM storage. Reading `localStorage` then throws or is
// null. What is in memory ends with the page.

class MemoryStore {
  #entries = new Map();

  get length() {
    return this.#entries.size;
  }

  key(index) {
    return [...this.#entries.keys()][index] ?? null;
  }

  getItem(key) {
    return this.#entries.get(key) ?? null;
  }

  setItem(key, value) {
    this.#entries.set(key, String(value));
  }

  removeItem(key) {
    this.#entries.delete(key);
  }
}

/** Lives as long as the tab. */
export const tabStore = openStore("sessionStorage");

/** Shared by all pages of the browser. */
export const browserStore = openStore("localStorage");

/** False where a reload forgets the viewer. */
export const keepsTab = !(tabStore instanceof MemoryStore);

function openStore(name) {
  try {
    const store = globalThis[name];
    store.getItem("");
    return store;
  } catch {
    return new MemoryStore();
  }
}
