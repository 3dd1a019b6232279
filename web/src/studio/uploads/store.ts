// The queue of uploads on disk: IndexedDB, shared by all pages of this origin. The file itself is
// kept where the browser lets it: its handle (Chromium), or a copy of a file that is not too large.
// Without IndexedDB the queue ends with the page.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Job } from "./job.ts";

const DATABASE = "coursestream-studio";
const MAX_COPY_BYTES = 512 * 2 ** 20; // more takes longer to copy than to ask for again
const ROOM_FACTOR = 4; // a copy takes at most that part of what the browser grants

/** What the browser kept of a file. */
export interface KeptFile {
  handle?: FileSystemFileHandle;
  copy?: File;
}

export interface JobStore {
  list(userId: string): Promise<Job[]>;
  put(job: Job): Promise<void>;
  delete(id: string): Promise<void>;
  keepFile(id: string, file: File, handle: FileSystemFileHandle | null): Promise<void>;
  keptFile(id: string): Promise<KeptFile>;
}

interface Schema extends DBSchema {
  jobs: { key: string; value: Job };
  files: { key: string; value: KeptFile };
}

export class DiskStore implements JobStore {
  #opened: Promise<IDBPDatabase<Schema> | null> | null = null;

  async list(userId: string): Promise<Job[]> {
    const all = (await (await this.#database())?.getAll("jobs")) ?? [];
    return all.filter((job) => job.userId === userId).sort((a, b) => a.addedAtMs - b.addedAtMs);
  }

  async put(job: Job): Promise<void> {
    await (await this.#database())?.put("jobs", job, job.id);
  }

  async delete(id: string): Promise<void> {
    const database = await this.#database();
    await database?.delete("jobs", id);
    await database?.delete("files", id);
  }

  async keepFile(id: string, file: File, handle: FileSystemFileHandle | null): Promise<void> {
    const database = await this.#database();
    if (!database) return;
    if (handle) await database.put("files", { handle }, id).catch(() => {});
    if (await isRoomFor(file)) {
      const kept = { ...(handle && { handle }), copy: file };
      await database.put("files", kept, id).catch(() => {}); // full: the handle alone stays
    }
  }

  async keptFile(id: string): Promise<KeptFile> {
    const database = await this.#database();
    return (await database?.get("files", id).catch(() => undefined)) ?? {};
  }

  #database() {
    this.#opened ??= openDB<Schema>(DATABASE, 1, {
      upgrade(fresh) {
        fresh.createObjectStore("jobs");
        fresh.createObjectStore("files");
      },
    }).catch(() => null);
    return this.#opened;
  }
}

async function isRoomFor({ size }: File): Promise<boolean> {
  if (size > MAX_COPY_BYTES) return false;
  try {
    const { quota = 0, usage = 0 } = await navigator.storage.estimate();
    return size * ROOM_FACTOR < quota - usage;
  } catch {
    return false;
  }
}
