// The queue of uploads of one teacher in this browser. Of all pages one sends, the one that holds a
// Web Lock; the others show the same jobs and change them by messages. What is on disk outlives them.

import { type Signal, signal } from "@preact/signals";
import { type Channel, lockManager, openChannel } from "../../browser/between_pages.ts";
import { Files } from "./files.ts";
import {
  isOver,
  isPassing,
  isSameFile,
  type Job,
  SIGNED_OUT,
  type Target,
  type Trouble,
} from "./job.ts";
import { byName, titleFromName } from "./names.ts";
import type { JobStore } from "./store.ts";
import type { StartTransfer, Transfer } from "./transfer.ts";

export const AT_ONCE = 2;
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
const SAVE_EVERY_MS = 1_000; // the server knows the offset; the disk's is only for showing

export interface DroppedFile {
  file: File;
  handle: FileSystemFileHandle | null;
}

export interface QueueParts {
  userId: string;
  store: JobStore;
  start: StartTransfer;
  terminate: (url: string) => Promise<void>;
  signal?: AbortSignal;
}

interface Message {
  id: string;
  job: Job | null;
  file?: File | null;
}

export class UploadQueue {
  readonly jobs: Signal<readonly Job[]> = signal([]);
  #parts: QueueParts;
  #files: Files;
  #channel: Channel;
  #isSender = false;
  #running = new Map<string, Transfer>();
  #starting = new Set<string>();
  #failures = new Map<string, number>();
  #savedAtMs = new Map<string, number>();

  constructor(parts: QueueParts) {
    this.#parts = parts;
    this.#files = new Files(parts.store);
    this.#channel = openChannel(`coursestream.uploads/${parts.userId}`);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    const options = parts.signal ? { signal: parts.signal } : {};
    globalThis.addEventListener?.("online", () => this.#goOnNow(), options);
  }

  /** Show what is left from before, and send it as soon as no other page does. */
  async open(): Promise<void> {
    const known = new Set(this.jobs.value.map(({ id }) => id));
    const kept = await this.#parts.store.list(this.#parts.userId);
    this.jobs.value = [...kept.filter(({ id }) => !known.has(id)), ...this.jobs.value];
    void this.#becomeSender();
  }

  /** Queue files for a module, in the order of their names. */
  async add(dropped: readonly DroppedFile[], target: Target): Promise<void> {
    const sorted = [...dropped].sort((a, b) => byName(a.file, b.file));
    const jobs = sorted.map(({ file }, i) => newJob(file, target, Date.now() + i));
    for (const [i, { file, handle }] of sorted.entries()) {
      const job = jobs[i] as Job;
      this.#files.lend(job.id, file);
      this.#say(job.id, job, file);
      await this.#parts.store.put(job);
      void this.#files.keep(job.id, file, handle);
    }
    this.#fill();
  }

  pause(id: string) {
    this.#change(id, { state: "paused", trouble: null });
  }

  /** Go on: in a click, since the browser may have to ask whether it may read the file. */
  async resume(id: string): Promise<void> {
    const job = this.#find(id);
    if (!job) return;
    const found = await this.#files.find(job, true);
    if ("trouble" in found) return this.#change(id, { state: "lost", trouble: found.trouble });
    this.#failures.delete(id);
    this.#change(id, { state: "queued", trouble: null }, found.file);
  }

  /** The same file, chosen again; false when it is another one. */
  async give(id: string, { file, handle }: DroppedFile): Promise<boolean> {
    const job = this.#find(id);
    if (!job || !isSameFile(job, file)) return false;
    void this.#files.keep(id, file, handle);
    this.#change(id, { state: "queued", trouble: null }, file);
    return true;
  }

  /** Take a job away, and what the server has of it. */
  async cancel(id: string): Promise<void> {
    const job = this.#find(id);
    if (!job) return;
    this.#say(id, null);
    await this.#parts.store.delete(id);
    if (job.uploadUrl && !isOver(job)) await this.#parts.terminate(job.uploadUrl);
  }

  /** Take away what has ended. */
  clear() {
    for (const job of this.jobs.value.filter(isOver)) void this.cancel(job.id);
  }

  async #becomeSender() {
    const { userId, signal } = this.#parts;
    const send = () => {
      this.#isSender = true;
      this.#requeue();
      return new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
    };
    const locks = await lockManager();
    const options = signal ? { signal } : {};
    const name = `coursestream.uploads/${userId}`;
    await (locks ? locks.request(name, options, send) : send()).catch(() => {});
    for (const transfer of this.#running.values()) transfer.stop();
  }

  /** Whatever was on its way when a page went away, or the sign-in ended. */
  #requeue() {
    for (const { id, state, trouble } of this.jobs.value) {
      const waited = state === "lost" && trouble?.code === SIGNED_OUT;
      if (state === "sending" || state === "waiting" || waited)
        this.#change(id, { state: "queued", trouble: null });
    }
    this.#fill();
  }

  #goOnNow() {
    if (!this.#isSender) return;
    // Requests on a line that has changed hang until they time out.
    for (const transfer of this.#running.values()) transfer.stop();
    this.#running.clear();
    this.#failures.clear();
    this.#requeue();
  }

  #fill() {
    if (!this.#isSender) return;
    for (const job of this.jobs.value) {
      if (this.#running.size + this.#starting.size >= AT_ONCE) return;
      if (job.state === "queued" && !this.#starting.has(job.id)) void this.#start(job);
    }
  }

  async #start(job: Job) {
    this.#starting.add(job.id);
    const found = await this.#files.find(job);
    this.#starting.delete(job.id);
    const now = this.#find(job.id);
    if (now?.state === "queued" && "trouble" in found)
      this.#change(job.id, { state: "lost", trouble: found.trouble });
    else if (now?.state === "queued" && "file" in found) this.#send(now, found.file);
    this.#fill();
  }

  #send(job: Job, file: File) {
    const { id } = job;
    this.#change(id, { state: "sending", trouble: null });
    const transfer = this.#parts.start(job, file, {
      located: (uploadUrl) => this.#change(id, { uploadUrl }),
      progressed: (offset) => this.#progress(id, offset),
      finished: (videoId) => this.#finish(id, videoId),
      failed: (status, code, detail) => this.#fail(id, status, { code, detail }),
    });
    this.#running.set(id, transfer);
  }

  #progress(id: string, offset: number) {
    this.#failures.delete(id);
    const isDue = Date.now() - (this.#savedAtMs.get(id) ?? 0) >= SAVE_EVERY_MS;
    if (isDue) this.#savedAtMs.set(id, Date.now());
    if (isDue) return this.#change(id, { offset });
    const job = this.#find(id);
    if (job) this.#show(id, { ...job, offset });
  }

  #finish(id: string, videoId: string | null) {
    this.#running.delete(id);
    const job = this.#find(id);
    if (job) this.#say(id, { ...job, offset: job.size, state: "sent", trouble: null, videoId });
    void this.#parts.store.delete(id);
    this.#files.forget(id);
    this.#fill();
  }

  #fail(id: string, status: number, trouble: Trouble) {
    this.#running.delete(id);
    if (isPassing(status)) this.#wait(id, { ...trouble, code: trouble.code || `${status}` });
    else this.#change(id, { state: trouble.code === SIGNED_OUT ? "lost" : "refused", trouble });
    this.#fill();
  }

  #wait(id: string, trouble: Trouble) {
    const failures = (this.#failures.get(id) ?? 0) + 1;
    this.#failures.set(id, failures);
    this.#change(id, { state: "waiting", trouble });
    const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
    setTimeout(() => {
      if (this.#find(id)?.state === "waiting") this.#change(id, { state: "queued" });
    }, pauseMs);
  }

  #find(id: string): Job | undefined {
    return this.jobs.value.find((job) => job.id === id);
  }

  #change(id: string, changed: Partial<Job>, file: File | null = null) {
    const job = this.#find(id);
    if (!job) return;
    const next = { ...job, ...changed };
    this.#say(id, next, file);
    void this.#parts.store.put(next);
  }

  /** Show it here and on the other pages; null for a job that is gone. */
  #say(id: string, job: Job | null, file: File | null = null) {
    this.#channel.postMessage({ id, job, ...(file && { file }) } satisfies Message);
    this.#hear({ id, job });
  }

  #hear({ id, job, file }: Message) {
    if (file) this.#files.lend(id, file);
    this.#show(id, job);
    if (job?.state === "paused" || job === null) this.#stop(id);
    if (job === null) this.#files.forget(id);
    if (job?.state === "queued") queueMicrotask(() => this.#fill());
  }

  #stop(id: string) {
    this.#running.get(id)?.stop();
    if (this.#running.delete(id)) this.#fill();
  }

  #show(id: string, job: Job | null) {
    const isKnown = this.jobs.value.some((one) => one.id === id);
    if (isKnown)
      this.jobs.value = this.jobs.value.flatMap((one) => (one.id !== id ? one : (job ?? [])));
    else if (job) this.jobs.value = [...this.jobs.value, job];
  }
}

function newJob(file: File, target: Target, addedAtMs: number): Job {
  return {
    id: crypto.randomUUID(),
    userId: target.userId,
    courseId: target.courseId,
    moduleId: target.moduleId,
    replaces: target.replaces ?? null,
    title: target.title ?? titleFromName(file.name),
    filename: file.name,
    size: file.size,
    modifiedMs: file.lastModified,
    addedAtMs,
    uploadUrl: null,
    offset: 0,
    state: "queued",
    trouble: null,
    videoId: null,
  };
}
