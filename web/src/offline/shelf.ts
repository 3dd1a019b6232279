// The shelf: lessons kept on this device and the pieces of their files, in IndexedDB. A piece is
// stored together with the number of bytes that its lesson has, so that a killed browser goes on
// where it was.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { PublishedKey } from "./licence.ts";

const DATABASE = "coursestream.offline";

/** A lesson of one viewer: its licence, and what the page has to know to show it alone. */
export interface Lesson {
  userId: string;
  videoId: string;
  title: string;
  licence: string;
  /** The keys of the service when the licence came. */
  keys: PublishedKey[];
  renewUrl: string;
  expiresAtMs: number;
  totalBytes: number;
  keptBytes: number;
  isPaused: boolean;
  /** When the server was last asked about the licence. */
  checkedAtMs: number;
  durationS: number | null;
  reportIntervalS: number;
  place: { positionS: number; atMs: number };
  chapters: string | null;
}

/** The first bytes of a piece where `isWhole` is false: those that came before a pause. */
export interface Piece {
  blob: Blob;
  isWhole: boolean;
}

type PieceKey = [lesson: string, file: string, index: number];

interface Schema extends DBSchema {
  lessons: { key: string; value: Lesson };
  pieces: { key: PieceKey; value: Piece };
}

let opened: Promise<IDBPDatabase<Schema>> | null = null;

function database() {
  opened ??= openDB<Schema>(DATABASE, 1, {
    upgrade(fresh) {
      fresh.createObjectStore("lessons");
      fresh.createObjectStore("pieces");
    },
  });
  return opened;
}

type Named = Pick<Lesson, "userId" | "videoId">;

export function keyOf({ userId, videoId }: Named): string {
  return `${userId}/${videoId}`;
}

export function isComplete({ keptBytes, totalBytes }: Lesson): boolean {
  return keptBytes >= totalBytes;
}

/** True for the error of a write that no room was left for. */
export function isFullDisk(error: unknown): boolean {
  return error instanceof DOMException && error.name === "QuotaExceededError";
}

/** All lessons of a viewer, or of everybody; none where the browser keeps nothing. */
export async function listLessons(userId?: string): Promise<Lesson[]> {
  try {
    const all = await (await database()).getAll("lessons");
    return all.filter((lesson) => userId === undefined || lesson.userId === userId);
  } catch {
    return [];
  }
}

export async function readLesson(named: Named): Promise<Lesson | null> {
  return (await (await database()).get("lessons", keyOf(named))) ?? null;
}

export async function saveLesson(lesson: Lesson): Promise<void> {
  await (await database()).put("lessons", lesson, keyOf(lesson));
}

/** Change some of a lesson that is still there; the lesson as it is then. */
export async function changeLesson(named: Named, changed: Partial<Lesson>): Promise<Lesson | null> {
  const transaction = (await database()).transaction("lessons", "readwrite");
  const kept = await transaction.store.get(keyOf(named));
  const lesson = kept ? { ...kept, ...changed } : null;
  if (lesson) await transaction.store.put(lesson, keyOf(named));
  await transaction.done;
  return lesson;
}

export async function removeLesson(named: Named): Promise<void> {
  const transaction = (await database()).transaction(["lessons", "pieces"], "readwrite");
  await transaction.objectStore("lessons").delete(keyOf(named));
  await transaction.objectStore("pieces").delete(piecesOf(named));
  await transaction.done;
}

/** Keep a piece and count it; false when its lesson has been removed meanwhile. */
export async function savePiece(
  named: Named,
  file: string,
  index: number,
  piece: Piece,
): Promise<boolean> {
  const transaction = (await database()).transaction(["lessons", "pieces"], "readwrite");
  const lessons = transaction.objectStore("lessons");
  const pieces = transaction.objectStore("pieces");
  const key: PieceKey = [keyOf(named), file, index];
  const lesson = await lessons.get(keyOf(named));
  if (lesson) {
    const before = (await pieces.get(key))?.blob.size ?? 0;
    const keptBytes = lesson.keptBytes + piece.blob.size - before;
    await pieces.put(piece, key);
    await lessons.put({ ...lesson, keptBytes }, keyOf(named));
  }
  await transaction.done;
  return lesson !== undefined;
}

/** The pieces of one file, in order, as far as they have come. */
export async function readPieces(named: Named, file: string): Promise<Piece[]> {
  return (await database()).getAll("pieces", piecesOf(named, file));
}

/** Remove the pieces of files that a lesson no longer has, and count the others anew. */
export async function keepOnly(named: Named, files: readonly string[]): Promise<void> {
  const transaction = (await database()).transaction(["lessons", "pieces"], "readwrite");
  const lessons = transaction.objectStore("lessons");
  let keptBytes = 0;
  let cursor = await transaction.objectStore("pieces").openCursor(piecesOf(named));
  while (cursor) {
    if (files.includes(cursor.key[1])) keptBytes += cursor.value.blob.size;
    else await cursor.delete();
    cursor = await cursor.continue();
  }
  const lesson = await lessons.get(keyOf(named));
  if (lesson) await lessons.put({ ...lesson, keptBytes }, keyOf(named));
  await transaction.done;
}

function piecesOf(named: Named, file?: string): IDBKeyRange {
  const key = keyOf(named);
  // An array is greater than any text, and so than any index or name.
  return file === undefined
    ? IDBKeyRange.bound([key], [key, []])
    : IDBKeyRange.bound([key, file], [key, file, []]);
}
