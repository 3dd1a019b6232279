// The files behind the jobs: in memory as long as the page lives, then what the browser kept.

import type { Trouble } from "./job.ts";
import { isSameFile, type Job } from "./job.ts";
import type { JobStore } from "./store.ts";

export type Found = { file: File } | { trouble: Trouble };

interface PermissionHandle extends FileSystemFileHandle {
  queryPermission?(wanted: { mode: "read" }): Promise<PermissionState>;
  requestPermission?(wanted: { mode: "read" }): Promise<PermissionState>;
}

export class Files {
  #store: JobStore;
  #open = new Map<string, File>();

  constructor(store: JobStore) {
    this.#store = store;
  }

  /** Keep a file for as long as its job lasts. */
  async keep(id: string, file: File, handle: FileSystemFileHandle | null = null) {
    this.#open.set(id, file);
    await this.#store.keepFile(id, file, handle);
  }

  /** A file that another page sent. */
  lend(id: string, file: File) {
    this.#open.set(id, file);
  }

  held(id: string): File | null {
    return this.#open.get(id) ?? null;
  }

  forget(id: string) {
    this.#open.delete(id);
  }

  /** The job's file; with `mayAsk`, in a click, the browser may ask the teacher for permission. */
  async find(job: Job, mayAsk = false): Promise<Found> {
    const held = this.#open.get(job.id);
    if (held) return { file: held };
    const { handle, copy } = await this.#store.keptFile(job.id);
    const found = copy ? { file: copy } : await opened(handle, mayAsk);
    if ("trouble" in found) return found;
    if (!isSameFile(job, found.file)) return trouble("file-changed");
    if (!copy && found.file.lastModified !== job.modifiedMs) return trouble("file-changed");
    this.#open.set(job.id, found.file);
    return found;
  }
}

async function opened(handle: PermissionHandle | undefined, mayAsk: boolean): Promise<Found> {
  if (!handle) return trouble("file-gone");
  try {
    const wanted = { mode: "read" } as const;
    let state = (await handle.queryPermission?.(wanted)) ?? "granted";
    if (state !== "granted" && mayAsk) state = (await handle.requestPermission?.(wanted)) ?? state;
    if (state !== "granted") return trouble("no-permission");
    return { file: await handle.getFile() };
  } catch {
    return trouble("file-gone");
  }
}

function trouble(code: string): { trouble: Trouble } {
  return { trouble: { code, detail: "" } };
}
