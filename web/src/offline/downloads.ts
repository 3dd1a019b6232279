// The downloads of one viewer in this page: begun, paused, gone on with, removed; and what the
// service says of kept lessons at the next contact with it.

import type { LicenceAnswer } from "../service/answers.ts";
import { ApiError } from "../service/client.ts";
import type { Service } from "../service/service.ts";
import { type Claims, isCurrent, licensedBytes, verifyLicence } from "./licence.ts";
import {
  changeLesson,
  isComplete,
  isFullDisk,
  keepOnly,
  type Lesson,
  listLessons,
  readLesson,
  readPieces,
  removeLesson,
  saveLesson,
  savePiece,
} from "./shelf.ts";
import { forgetShell, keepShell } from "./shell.ts";
import { fetchFile } from "./transfer.ts";

const FIRST_PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 60_000;
const RECHECK_MS = 3_600_000;
// A grant that has ended, a file that was replaced: a renewal brings other addresses.
const OUTDATED = [401, 404, 410, 416];

/** What a viewer wants to keep, with what the page knows of it. */
export type Wish = Pick<
  Lesson,
  "videoId" | "title" | "durationS" | "reportIntervalS" | "chapters"
> & { height: number | null; captions: string[]; positionS: number };

interface Running {
  ending: AbortController;
  isWaiting: boolean;
}

interface Licensed {
  claims: Claims;
  answer: LicenceAnswer;
}

export class Downloads {
  #service: Service;
  #userId: string;
  #running = new Map<string, Running>();
  #problems = new Map<string, ApiError>();

  constructor(service: Service, userId: string) {
    this.#service = service;
    this.#userId = userId;
  }

  list(): Promise<Lesson[]> {
    return listLessons(this.#userId);
  }

  isRunning(videoId: string): boolean {
    return this.#running.has(videoId);
  }

  /** True while the server does not answer. */
  isWaiting(videoId: string): boolean {
    return this.#running.get(videoId)?.isWaiting === true;
  }

  /** Why a download has ended before its end. */
  problemOf(videoId: string): ApiError | null {
    return this.#problems.get(videoId) ?? null;
  }

  /** Ask for a licence and fetch what it names; resolves when it is there, paused or failed. */
  start(wish: Wish): Promise<void> {
    return this.#alone(wish.videoId, async (running) => {
      const { height, captions } = wish;
      const ask = () => this.#service.keepOffline(wish.videoId, { height, captions });
      const licensed = await this.#patiently(running, () => this.#verified(ask));
      await this.#requireRoom(licensed.claims);
      void navigator.storage?.persist?.();
      await keepShell().catch((cause) => {
        throw Object.assign(new ApiError(0), { cause });
      });
      await this.#keep(wish, licensed);
      await this.#fetchAll(wish.videoId, running, licensed);
    });
  }

  async resume(videoId: string): Promise<void> {
    await changeLesson(this.#named(videoId), { isPaused: false });
    await this.#alone(videoId, (running) => this.#fetchAll(videoId, running, null));
  }

  async pause(videoId: string): Promise<void> {
    this.#running.get(videoId)?.ending.abort();
    await changeLesson(this.#named(videoId), { isPaused: true });
  }

  async remove(videoId: string): Promise<void> {
    this.#running.get(videoId)?.ending.abort();
    this.#problems.delete(videoId);
    await removeLesson(this.#named(videoId));
    if (!(await listLessons()).length) await forgetShell();
  }

  /**
   * Ask the service about licences: that of `videoId` now, others once an hour. Lessons whose
   * licence has ended are removed and returned; downloads that were cut go on. `positionS` is where
   * the viewer is in the video, if the service said so.
   */
  async contact(videoId: string, positionS: number | null): Promise<Lesson[]> {
    if (positionS !== null)
      await changeLesson(this.#named(videoId), { place: { positionS, atMs: Date.now() } });
    const removed: Lesson[] = [];
    for (const lesson of await listLessons()) {
      if (await this.#isStillAllowed(lesson, lesson.videoId === videoId)) continue;
      await removeLesson(lesson);
      if (lesson.userId === this.#userId) removed.push(lesson);
    }
    const left = await listLessons();
    if (!left.length && removed.length) await forgetShell();
    void this.#resumeCut(left);
    return removed;
  }

  async #resumeCut(lessons: readonly Lesson[]) {
    for (const lesson of lessons)
      if (lesson.userId === this.#userId && !isComplete(lesson) && !lesson.isPaused)
        await this.resume(lesson.videoId);
  }

  async #isStillAllowed(lesson: Lesson, isNow: boolean): Promise<boolean> {
    const nowMs = Date.now();
    if (lesson.expiresAtMs <= nowMs) return false;
    const isDue = isNow || nowMs - lesson.checkedAtMs > RECHECK_MS;
    if (lesson.userId !== this.#userId || !isDue || this.isRunning(lesson.videoId)) return true;
    try {
      await this.#renew(lesson.videoId);
      return true;
    } catch (error) {
      // No contact is no refusal.
      return !(error instanceof ApiError && isRefusal(error));
    }
  }

  #named(videoId: string) {
    return { userId: this.#userId, videoId };
  }

  /** One download of a lesson at a time, here and in the viewer's other tabs. */
  async #alone(videoId: string, run: (running: Running) => Promise<void>): Promise<void> {
    if (this.isRunning(videoId)) return;
    const running = { ending: new AbortController(), isWaiting: false };
    this.#running.set(videoId, running);
    this.#problems.delete(videoId);
    const name = `coursestream.download/${this.#userId}/${videoId}`;
    try {
      await navigator.locks.request(name, { ifAvailable: true }, (lock) => lock && run(running));
    } catch (error) {
      if (!running.ending.signal.aborted) await this.#note(videoId, asApiError(error));
    } finally {
      this.#running.delete(videoId);
    }
  }

  async #note(videoId: string, error: ApiError) {
    this.#problems.set(videoId, error);
    if (isRefusal(error)) await removeLesson(this.#named(videoId));
    else await changeLesson(this.#named(videoId), { isPaused: true });
  }

  async #fetchAll(videoId: string, running: Running, first: Licensed | null) {
    let licensed = first;
    await this.#patiently(running, async () => {
      const isFresh = !licensed;
      licensed ??= await this.#renew(videoId);
      try {
        await this.#fetchFiles(videoId, licensed, running.ending.signal);
      } catch (error) {
        const isOutdated = error instanceof ApiError && OUTDATED.includes(error.status);
        if (!isOutdated || isFresh) throw error;
        licensed = await this.#renew(videoId);
        await this.#fetchFiles(videoId, licensed, running.ending.signal);
      }
    });
  }

  async #fetchFiles(videoId: string, { claims, answer }: Licensed, signal: AbortSignal) {
    const named = this.#named(videoId);
    for (const [place, file] of claims.files.entries()) {
      const url = new URL(answer.files[place]?.url ?? "", this.#service.server).href;
      const store = {
        read: () => readPieces(named, file.name),
        save: savePiece.bind(null, named, file.name),
      };
      await fetchFile(file, url, store, signal);
    }
  }

  /** Run something again and again until the server answers. */
  async #patiently<T>(running: Running, run: () => Promise<T>): Promise<T> {
    const { signal } = running.ending;
    for (let failures = 1; ; failures += 1) {
      try {
        return await run();
      } catch (error) {
        signal.throwIfAborted();
        const isLater =
          error instanceof ApiError && (error.isTemporary || error.code === "not-ready");
        if (!isLater) throw error;
        running.isWaiting = true;
        await pause(failures, error.retryAfterS, signal);
      }
      running.isWaiting = false;
    }
  }

  async #renew(videoId: string): Promise<Licensed> {
    const lesson = await readLesson(this.#named(videoId));
    if (!lesson) throw new ApiError(404, { code: "not-found" });
    const ask = () => this.#service.renewOffline(lesson.renewUrl, lesson.licence);
    const licensed = await this.#verified(ask);
    await this.#keep(lesson, licensed);
    return licensed;
  }

  async #verified(ask: () => Promise<LicenceAnswer>): Promise<Licensed> {
    const answer = await ask();
    const claims = await verifyLicence(answer.licence, await this.#service.keys());
    const isMine = claims?.sub === this.#userId && isCurrent(claims);
    if (!claims || !isMine) throw new ApiError(422, { code: "no-licence" });
    return { claims, answer };
  }

  async #keep(known: Lesson | Wish, { claims, answer }: Licensed) {
    const named = this.#named(known.videoId);
    const now = { positionS: "positionS" in known ? known.positionS : 0, atMs: Date.now() };
    const { title, durationS, reportIntervalS, chapters } = known;
    await saveLesson({
      ...named,
      ...{ title, durationS, reportIntervalS, chapters },
      licence: answer.licence,
      keys: await this.#service.keys(),
      renewUrl: answer.renew_url,
      expiresAtMs: claims.exp * 1000,
      totalBytes: licensedBytes(claims),
      keptBytes: 0,
      isPaused: "isPaused" in known && known.isPaused,
      checkedAtMs: Date.now(),
      place: "place" in known ? known.place : now,
    });
    await keepOnly(
      named,
      claims.files.map(({ name }) => name),
    );
  }

  async #requireRoom(claims: Claims) {
    const { quota = Infinity, usage = 0 } = (await navigator.storage?.estimate?.()) ?? {};
    if (licensedBytes(claims) > quota - usage) throw new ApiError(413, { code: "no-room" });
  }
}

/** Remove all that a viewer keeps here. A download of theirs in another tab ends by it. */
export async function removeAll(userId: string): Promise<void> {
  for (const lesson of await listLessons(userId)) await removeLesson(lesson);
  if (!(await listLessons()).length) await forgetShell();
}

const known = new Map<string, Downloads>();

/** The downloads of a viewer: the same ones, whichever player of this page asks. */
export function downloadsOf(service: Service, userId: string): Downloads {
  const downloads = known.get(userId) ?? new Downloads(service, userId);
  known.set(userId, downloads);
  return downloads;
}

/** True if the licence has ended for good: there is nothing to keep any longer. */
function isRefusal({ code }: ApiError): boolean {
  return code === "licence-refused";
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (isFullDisk(error)) return new ApiError(413, { code: "no-room" });
  throw error;
}

function pause(failures: number, retryAfterS: number, signal: AbortSignal): Promise<void> {
  const doubledMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, Math.max(doubledMs, retryAfterS * 1000));
    addEventListener("online", () => resolve(), { signal, once: true });
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
