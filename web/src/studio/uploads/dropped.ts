// What a teacher dropped or chose: files, with their handles where the browser has any (Chromium),
// and the files of dropped folders.

import type { DroppedFile } from "./queue.ts";

const MOST_FILES = 500;

interface HandleItem extends DataTransferItem {
  getAsFileSystemHandle?(): Promise<FileSystemHandle | null>;
}

/** True for what comes from outside, false for what is dragged within the page. */
export function bringsFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") ?? false;
}

/** Has to be called in the event itself: its items are gone afterwards. */
export async function droppedFiles(transfer: DataTransfer): Promise<DroppedFile[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file") as HandleItem[];
  const asked = items.map((item) => ({
    file: item.getAsFile(),
    handle: item.getAsFileSystemHandle?.().catch(() => null) ?? Promise.resolve(null),
  }));
  const found: DroppedFile[] = [];
  for (const { file, handle } of asked) await collect(await handle, file, found);
  return found;
}

export function chosenFiles(files: FileList | null): DroppedFile[] {
  return [...(files ?? [])].map((file) => ({ file, handle: null }));
}

/** The browser's file picker, which gives handles; null where there is none. */
export async function pickFiles(): Promise<DroppedFile[] | null> {
  const picker = globalThis as unknown as {
    showOpenFilePicker?(options: { multiple: boolean }): Promise<FileSystemFileHandle[]>;
  };
  if (!picker.showOpenFilePicker) return null;
  try {
    const handles = await picker.showOpenFilePicker({ multiple: true });
    return await Promise.all(
      handles.map(async (handle) => ({ file: await handle.getFile(), handle })),
    );
  } catch (error) {
    return error instanceof DOMException && error.name === "AbortError" ? [] : null;
  }
}

async function collect(handle: FileSystemHandle | null, file: File | null, found: DroppedFile[]) {
  if (found.length >= MOST_FILES) return;
  if (handle?.kind === "directory")
    return collectFolder(handle as FileSystemDirectoryHandle, found);
  const known = handle as FileSystemFileHandle | null;
  const opened = file ?? (await known?.getFile().catch(() => null));
  if (opened && !opened.name.startsWith(".")) found.push({ file: opened, handle: known });
}

async function collectFolder(folder: FileSystemDirectoryHandle, found: DroppedFile[]) {
  for await (const entry of folder.values()) await collect(entry, null, found);
}
