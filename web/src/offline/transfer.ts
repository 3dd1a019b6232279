// The transfer of one licensed file: a range from the first missing byte to the end, cut into pieces,
// each stored once its SHA-256 is that of the licence. What has come of a piece when it ends is
// stored as well, and the next range begins behind it.

import { ApiError, readProblem } from "../service/client.ts";
import type { LicensedFile } from "./licence.ts";
import { isFullDisk, type Piece } from "./shelf.ts";

const PIECE_BYTES = 4 * 1024 * 1024;
const MAX_SILENCE_MS = 30_000;
// A line that damages so many pieces of a file is worth no further try.
const MAX_DAMAGED = 3;

export interface PieceStore {
  read(): Promise<Piece[]>;
  /** False when nobody wants the file any more. */
  save(index: number, piece: Piece): Promise<boolean>;
}

/** Fetch what is missing of a file. Throws ApiError, or the reason of the signal. */
export async function fetchFile(
  file: LicensedFile,
  url: string,
  store: PieceStore,
  signal: AbortSignal,
): Promise<void> {
  for (let tries = 0; tries <= MAX_DAMAGED; tries += 1) {
    const missing = firstMissing(file, await store.read());
    if (!missing) return;
    await pour(url, missing.offset, new PieceWriter(file, missing, store), signal);
  }
  throw new ApiError(422, { code: "checksum-mismatch" });
}

interface Missing {
  index: number;
  /** What is there of the piece. */
  begun: Blob[];
  offset: number;
}

function firstMissing(file: LicensedFile, pieces: readonly Piece[]): Missing | null {
  const found = pieces.findIndex(({ isWhole }) => !isWhole);
  const index = found < 0 ? pieces.length : found;
  if (index >= file.pieces.length) return null;
  const begun = pieces[index] ? [pieces[index].blob] : [];
  return { index, begun, offset: index * PIECE_BYTES + (begun[0]?.size ?? 0) };
}

/** Read a range to its end, or to a damaged piece. Throws ApiError when it was cut elsewhere. */
async function pour(url: string, offset: number, writer: PieceWriter, signal: AbortSignal) {
  const watch = new Watch(signal);
  try {
    const reader = (await openRange(url, offset, watch.signal)).getReader();
    for (;;) {
      watch.wait();
      const { value, done } = await reader.read();
      if (done) break;
      if (!(await writer.write(value))) return await reader.cancel();
    }
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ApiError || isFullDisk(cause)) throw cause;
    throw Object.assign(new ApiError(0), { cause });
  } finally {
    watch.end();
    await writer.keepRest();
  }
  if (!writer.isComplete) throw new ApiError(0);
}

async function openRange(url: string, offset: number, signal: AbortSignal) {
  const headers = { Range: `bytes=${offset}-` };
  const response = await fetch(url, { headers, signal, credentials: "same-origin" });
  if (!response.ok) {
    const text = await response.text();
    throw readProblem(response.status, text, response.headers.get("Retry-After"));
  }
  const isWhole = response.status === 200 && offset === 0;
  if (!isWhole && !response.headers.get("Content-Range")?.startsWith(`bytes ${offset}-`))
    throw new ApiError(416, { code: "range-not-satisfiable" });
  return response.body as ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** Aborts when nothing has come for long, or its owner does. */
class Watch {
  #silence = new AbortController();
  #timer = 0;
  readonly signal: AbortSignal;

  constructor(owner: AbortSignal) {
    this.signal = AbortSignal.any([owner, this.#silence.signal]);
    this.wait();
  }

  wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#silence.abort(), MAX_SILENCE_MS);
  }

  end() {
    clearTimeout(this.#timer);
  }
}

class PieceWriter {
  #file: LicensedFile;
  #store: PieceStore;
  #index: number;
  #parts: (Blob | Uint8Array<ArrayBuffer>)[];
  #size: number;

  constructor(file: LicensedFile, { index, begun }: Missing, store: PieceStore) {
    this.#file = file;
    this.#store = store;
    this.#index = index;
    this.#parts = begun;
    this.#size = begun[0]?.size ?? 0;
  }

  get isComplete() {
    return this.#index >= this.#file.pieces.length;
  }

  /** False when a piece is not what the licence says, or is not wanted any more. */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    let rest = bytes;
    while (rest.length) {
      const room = Math.min(rest.length, this.#pieceBytes - this.#size);
      if (room <= 0) return false; // more than the file has
      this.#parts.push(rest.slice(0, room));
      this.#size += room;
      rest = rest.subarray(room);
      if (this.#size === this.#pieceBytes && !(await this.#finish())) return false;
    }
    return true;
  }

  /** Store what has come of the piece that is not whole yet. */
  async keepRest() {
    if (this.#size) await this.#store.save(this.#index, { blob: this.#take(), isWhole: false });
  }

  get #pieceBytes() {
    return Math.min(PIECE_BYTES, this.#file.size - this.#index * PIECE_BYTES);
  }

  async #finish(): Promise<boolean> {
    const blob = this.#take();
    const hash = await crypto.subtle.digest("SHA-256", await blob.arrayBuffer());
    const isRight = hex(hash) === this.#file.pieces[this.#index];
    // Nothing of a damaged piece is worth keeping: any of its bytes may be the wrong one.
    const piece = isRight ? { blob, isWhole: true } : { blob: new Blob(), isWhole: false };
    const isWanted = await this.#store.save(this.#index, piece);
    this.#index += 1;
    return isRight && isWanted;
  }

  #take(): Blob {
    const blob = new Blob(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return blob;
  }
}

function hex(bytes: ArrayBuffer): string {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
