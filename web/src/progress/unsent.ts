// The store of reports that no server has acknowledged: IndexedDB, shared by all pages of this
// origin and kept for as long as the browser keeps anything. Where it is refused, web storage.
//
// A page that goes away has no time for IndexedDB: its last words are written to web storage, which
// is synchronous, and the next reader moves them over.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import { UNSENT, UNSENT_ELSEWHERE } from "../browser/stored_names.ts";
import { browserStore, readJson, storedNames, writeJson } from "../browser/stores.ts";
import type { Report } from "../service/answers.ts";

const DATABASE = "coursestream";
const MAX_WAIT_MS = 30 * 24 * 3600 * 1000; // what `delayed_s` may be

export interface Entry {
  madeAtMs: number;
  report: Report;
}

/** The session whose reports these are; `server` is its origin. */
export interface Place {
  server: string;
  userId: string;
  videoId: string;
  sessionId: string;
}

export interface Unsent extends Place {
  entries: Entry[];
}

interface Schema extends DBSchema {
  unsent: { key: string; value: Unsent };
}

let opened: Promise<IDBPDatabase<Schema> | null> | null = null;

function database() {
  opened ??= openDB<Schema>(DATABASE, 1, {
    upgrade: (fresh) => void fresh.createObjectStore("unsent"),
  }).catch(() => null);
  return opened;
}

function keyOf({ server, userId, videoId, sessionId }: Place): string {
  return `${UNSENT}${server}/${userId}/${videoId}/${sessionId}`;
}

/** The kept reports of one session, in the order they were made. */
export async function readUnsent(place: Place): Promise<Entry[]> {
  await adoptLastWords();
  const kept = await readStored(keyOf(place));
  return kept?.entries ?? [];
}

/** Everything that a viewer's pages could not deliver to a server, by session. */
export async function listUnsent(server: string, userId: string): Promise<Unsent[]> {
  await adoptLastWords();
  const all = await (await database())?.getAll("unsent");
  if (all?.length === 0) unmark(); // a page was killed between the two
  return (all ?? storedUnsent()).filter((kept) => kept.server === server && kept.userId === userId);
}

/** Keep a session's reports, replacing those kept before; none of them forgets the session. */
export async function saveUnsent(unsent: Unsent): Promise<void> {
  const key = keyOf(unsent);
  const store = await database();
  if (!store) return saveLastWords(unsent);
  if (unsent.entries.length) {
    writeJson(browserStore, UNSENT_ELSEWHERE + key, true);
    await store.put("unsent", unsent, key);
  } else {
    await store.delete("unsent", key);
    browserStore.removeItem(UNSENT_ELSEWHERE + key);
  }
  browserStore.removeItem(key);
}

/** Keep a session's reports at once, for a page that is going away. */
export function saveLastWords(unsent: Unsent) {
  const key = keyOf(unsent);
  if (unsent.entries.length) writeJson(browserStore, key, unsent);
  else browserStore.removeItem(key);
}

async function readStored(key: string): Promise<Unsent | null> {
  const store = await database();
  const kept = store ? await store.get("unsent", key) : readJson(browserStore, key);
  return isUnsent(kept) ? fresh(kept) : null;
}

function unmark() {
  for (const key of storedNames(browserStore))
    if (key.startsWith(UNSENT_ELSEWHERE)) browserStore.removeItem(key);
}

async function adoptLastWords() {
  const store = await database();
  if (!store) return;
  for (const words of storedUnsent()) {
    const key = keyOf(words);
    const known = await store.get("unsent", key);
    writeJson(browserStore, UNSENT_ELSEWHERE + key, true);
    await store.put(
      "unsent",
      { ...words, entries: joined(known?.entries ?? [], words.entries) },
      key,
    );
    browserStore.removeItem(key);
  }
}

function joined(...lists: Entry[][]): Entry[] {
  const bySequence = new Map(lists.flat().map((entry) => [entry.report.sequence, entry]));
  return [...bySequence.values()].sort((a, b) => a.report.sequence - b.report.sequence);
}

function storedUnsent(): Unsent[] {
  return storedNames(browserStore)
    .filter((key) => key.startsWith(UNSENT))
    .map((key) => readJson(browserStore, key))
    .filter(isUnsent)
    .map(fresh);
}

function isUnsent(value: unknown): value is Unsent {
  const kept = value as Partial<Unsent> | null | undefined;
  return typeof kept?.server === "string" && Array.isArray(kept.entries);
}

function fresh(unsent: Unsent): Unsent {
  const oldestMs = Date.now() - MAX_WAIT_MS;
  return { ...unsent, entries: unsent.entries.filter(({ madeAtMs }) => madeAtMs > oldestMs) };
}
