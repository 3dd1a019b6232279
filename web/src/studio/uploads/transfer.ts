// One upload by tus 1.0.0 (tus-js-client): goes on at the server's offset, or begins anew where the
// server has forgotten it. Retries nothing by itself: the queue decides when.

import { DetailedError, Upload } from "tus-js-client";
import { readProblem } from "../../service/client.ts";
import type { Job } from "./job.ts";

const ENDPOINT = "/api/v1/uploads";
const CHUNK_BYTES = 64 * 2 ** 20; // proxies that hold back a body hold this much
const SILENCE_MS = 30_000; // a line that carries nothing for so long is dead, and nothing says so
const TUS_VERSION = "1.0.0";

export interface TransferHooks {
  located(url: string): void;
  progressed(offset: number): void;
  finished(videoId: string | null): void;
  failed(status: number, code: string, detail: string): void;
}

export interface Transfer {
  /** Ends the request; the server keeps what has arrived. */
  stop(): void;
}

export type StartTransfer = (job: Job, file: File, hooks: TransferHooks) => Transfer;

/** Transfers with the token that `token()` gives; null for the session's cookie alone. */
export function transfersBy(token: () => string | null): StartTransfer {
  return (job, file, hooks) => new TusTransfer(job, file, hooks, token);
}

class TusTransfer implements Transfer {
  #upload: Upload;
  #hooks: TransferHooks;
  #videoId: string | null = null;
  #silence = 0;
  #isOver = false;

  constructor(job: Job, file: File, hooks: TransferHooks, token: () => string | null) {
    this.#hooks = hooks;
    this.#upload = new Upload(file, {
      endpoint: ENDPOINT,
      ...(job.uploadUrl && { uploadUrl: job.uploadUrl }),
      metadata: metadataOf(job),
      chunkSize: CHUNK_BYTES,
      retryDelays: [],
      storeFingerprintForResuming: false,
      onBeforeRequest: (request) => authorize(request, token()),
      onAfterResponse: (_, response) => {
        this.#videoId = response.getHeader("X-Video-ID") ?? this.#videoId;
      },
      onUploadUrlAvailable: () => this.#upload.url && hooks.located(pathOf(this.#upload.url)),
      onProgress: (sent) => this.#progress(sent),
      onSuccess: () => this.#end(() => hooks.finished(this.#videoId)),
      onError: (error) => this.#end(() => this.#fail(error)),
    });
    this.#listen();
    this.#upload.start();
  }

  stop() {
    this.#end(() => {});
    void this.#upload.abort(false).catch(() => {});
  }

  #progress(sent: number) {
    if (this.#isOver) return;
    this.#listen();
    this.#hooks.progressed(sent);
  }

  #listen() {
    clearTimeout(this.#silence);
    this.#silence = window.setTimeout(() => {
      this.stop();
      this.#hooks.failed(0, "", "");
    }, SILENCE_MS);
  }

  #end(say: () => void) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#silence);
    say();
  }

  #fail(error: Error | DetailedError) {
    const response = error instanceof DetailedError ? error.originalResponse : null;
    if (!response) return this.#hooks.failed(0, "", "");
    const { status, code, message } = readProblem(response.getStatus(), response.getBody());
    this.#hooks.failed(status, code, message);
  }
}

/** Tell the server to drop what it has of an upload; that nobody hears is no harm: it expires. */
export async function terminateUpload(url: string, token: string | null): Promise<void> {
  const headers: Record<string, string> = { "Tus-Resumable": TUS_VERSION };
  if (token) headers.Authorization = `Bearer ${token}`;
  await fetch(url, { method: "DELETE", headers, keepalive: true }).catch(() => {});
}

function authorize(
  request: { setHeader(name: string, value: string): void },
  token: string | null,
) {
  if (token) request.setHeader("Authorization", `Bearer ${token}`);
}

function metadataOf(job: Job): Record<string, string> {
  const { moduleId, filename, title, replaces } = job;
  return { module_id: moduleId, filename, title, ...(replaces && { replaces }) };
}

/** Addresses are kept without the host, which may be another one tomorrow. */
function pathOf(url: string): string {
  return new URL(url, location.origin).pathname;
}
