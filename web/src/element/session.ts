// One viewing of one video: its grant, its player, its reports, and the events about it. Whoever
// shows it is told; draws nothing.

import type { Lesson } from "../offline/shelf.ts";
import { canKeepLessons } from "../offline/shell.ts";
import { takeEarlyTerms } from "../playback/early_terms.ts";
import {
  type KeptSession,
  openPlayback,
  type Playback,
  reclaimSession,
} from "../playback/playback.ts";
import { Player, warmUp } from "../playback/player.ts";
import { Prefetch, savesData, takePrefetched } from "../playback/prefetch.ts";
import type { QualityChoice, Rung } from "../playback/qualities.ts";
import { deliverLeftovers } from "../progress/leftovers.ts";
import { Outbox, type OutboxState } from "../progress/outbox.ts";
import { QualityMeter } from "../progress/quality.ts";
import { Reporter } from "../progress/reporter.ts";
import { explainStall } from "../progress/stalls.ts";
import type { Progress } from "../service/answers.ts";
import { ApiError } from "../service/client.ts";
import { followEvents, type LiveEvent } from "../service/live.ts";
import type { Service } from "../service/service.ts";

const LEFTOVERS_MS = 3_000;
// Nearer than this the other page is where this one is.
const ELSEWHERE_S = 5;
// Reports come in pairs (started, progress): one question is enough for both.
const SETTLES_MS = 300;
const SHORTEST_WAIT_S = 5;
// A line that neither works nor fails is waited for so long where the lesson is on this device.
const LINE_PATIENCE_MS = 4_000;
// A proxy before a service that is down.
const ABSENT = [0, 502, 503, 504];
// What may have ended the licence of a kept lesson, too.
const WITHDRAWN = [403, 404, 410];

export interface SessionHooks {
  opened(playback: Playback): void;
  loaded(): void;
  trouble(isWaiting: boolean): void;
  failed(error: ApiError): void;
  rungs(rungs: Rung[], current: Rung | null): void;
  progress(progress: Progress): void;
  /** Reports wait: for the server, or for a sign-in. */
  waiting(count: number, refused: ApiError | null): void;
  /** The viewer has got elsewhere on another page or device; null when that is here again. */
  elsewhere(place: { positionS: number; hasStopped: boolean } | null): void;
  /** Lessons that were kept on this device and may be no longer. */
  removed(lessons: Lesson[]): void;
}

export class Session {
  #service: Service;
  #videoId: string;
  #video: HTMLVideoElement;
  #hooks: SessionHooks;
  #quality: QualityChoice;
  #meter: QualityMeter;
  #playback: Playback | null = null;
  #player: Player | null = null;
  #reporter: Reporter | null = null;
  #outbox: Outbox | null = null;
  #next: Prefetch | null = null;
  #userId = "";
  #isOpening = false;
  #progressTimer = 0;
  #placeAtMs = 0;
  #closing = new AbortController();

  constructor(
    service: Service,
    videoId: string,
    video: HTMLVideoElement,
    quality: QualityChoice,
    hooks: SessionHooks,
  ) {
    this.#service = service;
    this.#videoId = videoId;
    this.#video = video;
    this.#quality = quality;
    this.#hooks = hooks;
    this.#meter = new QualityMeter(video, this.#closing.signal);
  }

  get playback() {
    return this.#playback;
  }

  /** The downloads of this viewer. */
  async downloads() {
    const { downloadsOf } = await import("../offline/downloads.ts");
    return downloadsOf(this.#service, this.#userId);
  }

  /** Why playing waits, in a sentence; null while it does not. */
  get stall(): string | null {
    // A place that was sought is the viewer's own doing, but waited for like any other.
    const { paused, readyState } = this.#video;
    const isWaiting = !paused && readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    if (!this.#meter.isStalled && !isWaiting) return null;
    const { bits, status } = this.#player?.line ?? { bits: null, status: 0 };
    return explainStall({
      isOnline: navigator.onLine,
      status,
      lineBits: bits,
      neededBits: this.#meter.bitrate,
      aheadS: aheadOf(this.#video),
      droppedRatio: this.#meter.droppedRatio,
    });
  }

  /** Fetch what is due of the lesson after this one. */
  lookAhead(nextVideoId: string) {
    const { currentTime, duration } = this.#video;
    if (!this.#playback || this.#playback.files || savesData(this.#quality)) return;
    if (this.#next?.videoId !== nextVideoId)
      this.#next = new Prefetch(this.#service, { userId: this.#userId, videoId: nextVideoId });
    this.#next.look(currentTime / duration, (type) => this.#video.canPlayType(type));
  }

  /** True if nothing plays here, or nothing any more. */
  get isOver() {
    return !this.#player || this.#player.isOver;
  }

  /** Ask for a grant and play by it, from where the viewer was or `positionS`. */
  async open(isPlaying = false, positionS: number | null = null): Promise<void> {
    if (this.#isOpening || this.#isClosed) return;
    this.#isOpening = true;
    this.#meter.ask();
    try {
      await this.#open(isPlaying, positionS);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#refuse(error);
    } finally {
      this.#isOpening = false;
    }
  }

  seek(positionS: number) {
    this.#player?.seek(positionS);
  }

  choose(quality: QualityChoice) {
    this.#quality = quality;
    this.#player?.choose(quality);
  }

  /** End for good; what has been seen is sent. */
  close() {
    this.#reporter?.leave();
    this.#disconnect();
    this.#closing.abort();
    clearTimeout(this.#progressTimer);
  }

  get #isClosed() {
    return this.#closing.signal.aborted;
  }

  async #open(isPlaying: boolean, positionS: number | null) {
    const isFirst = !this.#playback;
    warmUp();
    const playback = await this.#openSomehow();
    if (this.#isClosed) return;
    this.#playback = playback;
    this.#userId = playback.userId;
    this.#hooks.opened(playback);
    await this.#connect(playback, isPlaying, positionS);
    if (isFirst) this.#follow();
    if (!playback.files) await this.#checkDownloads(playback.terms.resume_position);
  }

  /** By the service, or by the copy on this device where the service cannot be reached. */
  async #openSomehow(): Promise<Playback> {
    const online = this.#openOnline();
    if (!canKeepLessons(this.#service.server)) return online;
    const tooLate = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new ApiError(0)), LINE_PATIENCE_MS);
    });
    try {
      return await Promise.race([online, tooLate]);
    } catch (error) {
      online.catch(() => {}); // late, it is not waited for any more
      return (await this.#openKept(error)) ?? online;
    }
  }

  async #openOnline(): Promise<Playback> {
    this.#userId = await this.#service.userId();
    const key = { userId: this.#userId, videoId: this.#videoId };
    const early = await takeEarlyTerms(key);
    if (early) {
      // Asked for where nothing waited that would move the place: what does now need not hold up.
      void this.#deliverLeftovers(null);
      return openPlayback(this.#service, key, null, early);
    }
    const kept = this.#playback?.kept ?? (await reclaimSession(key));
    await this.#deliverLeftovers(kept);
    return openPlayback(this.#service, key, kept, takePrefetched(key));
  }

  async #openKept(error: unknown): Promise<Playback | null> {
    if (!(error instanceof ApiError)) return null;
    // Nobody is signed in after a restart: whoever kept the lesson may watch it, but only then.
    const isAbsent = error.status === 401 ? !this.#userId : ABSENT.includes(error.status);
    if (!isAbsent || (error.status === 401 && (await this.#service.isReachable()))) return null;
    const { openKept } = await import("../offline/local_playback.ts");
    return openKept(this.#service, this.#videoId, this.#userId);
  }

  // Only pages that the shell's worker watches over can have lessons.
  async #checkDownloads(positionS: number | null = null) {
    if (!canKeepLessons(this.#service.server) || !navigator.serviceWorker.controller) return;
    const downloads = await this.downloads();
    const removed = await downloads.contact(this.#videoId, positionS);
    if (removed.length && !this.#isClosed) this.#hooks.removed(removed);
  }

  async #connect(playback: Playback, isPlaying: boolean, positionS: number | null) {
    this.#disconnect();
    const { server } = this.#service;
    const place = {
      server,
      userId: this.#userId,
      videoId: this.#videoId,
      sessionId: playback.sessionId,
    };
    const player = new Player(this.#video, playback, this.#quality, {
      beforeLoad: (place) => {
        this.#reporter?.carryOver();
        this.#reporter?.expectPosition(place);
      },
      loaded: () => this.#hooks.loaded(),
      trouble: (isWaiting) => this.#hooks.trouble(isWaiting),
      failed: (error) => this.#refuse(error),
      rungs: (rungs, current) => {
        this.#meter.bitrate = current?.bitrate ?? null;
        this.#hooks.rungs(rungs, current);
      },
    });
    this.#player = player;
    // The picture does not wait for the disk; the first report does.
    const opening = Outbox.open(
      place,
      (report) => playback.report(report),
      (state) => this.#hear(state),
    );
    const startS = positionS ?? player.resumePositionS;
    player.load(startS, isPlaying);
    const outbox = await opening;
    if (this.#isClosed || this.#player !== player) return outbox.close();
    playback.skipSequencesBelow(outbox.nextSequence);
    this.#outbox = outbox;
    this.#reporter = new Reporter(this.#video, playback, outbox, () => this.#meter.read());
    this.#reporter.expectPosition(startS);
    this.#reporter.listen(!this.#video.paused && this.#video.readyState > 2);
    void outbox.flush();
  }

  #disconnect() {
    this.#player?.close();
    this.#reporter?.close();
    this.#outbox?.close();
  }

  // Before the grant is asked for, so that the place it names is the newest.
  #deliverLeftovers(kept: KeptSession | null): Promise<void> {
    const viewer = { server: this.#service.server, userId: this.#userId };
    const delivered = deliverLeftovers(
      viewer,
      (id, report) => this.#service.report(id, report),
      kept?.session_id ?? null,
    ).catch(() => {}); // they stay where they are, for the next page
    const patience = new Promise<void>((resolve) => setTimeout(resolve, LEFTOVERS_MS));
    return Promise.race([delivered, patience]);
  }

  #hear({ answer, waiting, refused }: OutboxState) {
    if (answer) this.#hooks.progress(answer);
    if (refused?.status === 403) return this.#player?.fail(refused);
    this.#hooks.waiting(answer ? 0 : waiting, refused ?? null);
  }

  #refuse(error: ApiError) {
    if (error.status !== 0) this.#meter.note(error.code || `status ${error.status}`);
    this.#hooks.failed(error);
    if (WITHDRAWN.includes(error.status)) void this.#checkDownloads();
    if (error.code !== "not-ready") return;
    const waitMs = Math.max(SHORTEST_WAIT_S, error.retryAfterS) * 1000;
    setTimeout(() => this.isOver && void this.open(), waitMs);
  }

  #follow() {
    const { signal } = this.#closing;
    followEvents(this.#service, this.#userId, (type, event) => this.#apply(type, event), signal);
  }

  #apply(type: string, event: LiveEvent) {
    if (this.#isClosed) return;
    if (type === "reset") return this.#catchUp();
    if (type === "enrollment.changed") return this.#changeEnrollment(event);
    if (event.video_id !== this.#videoId) return;
    if (type.startsWith("playback.")) return this.#hearOfPlayback(type, event);
    if (type === "video.deleted") return this.#end(410, "not-found");
    if (type === "video.updated" || type === "video.ready") this.#openAgain();
  }

  #changeEnrollment({ user_id: userId, role }: LiveEvent) {
    if (userId !== this.#userId) return;
    // Which course this video belongs to, only the server knows here.
    if (role !== null) this.#openAgain();
    else this.#checkAccess();
  }

  #catchUp() {
    if (this.isOver) void this.open();
    else this.#checkAccess();
  }

  #checkAccess() {
    this.#service.progress(this.#videoId).then(this.#hooks.progress, (error) => {
      if (error instanceof ApiError && error.status === 403) this.#end(403, "not-enrolled");
    });
  }

  #end(status: number, code: string) {
    if (this.#player) this.#player.fail(new ApiError(status, { code }));
    else this.#hooks.failed(new ApiError(status, { code }));
  }

  #openAgain() {
    if (this.isOver) void this.open();
  }

  #hearOfPlayback(type: string, event: LiveEvent) {
    if (event.user_id !== this.#userId) return;
    // Reports of a device that was offline add watched seconds, but no newer position.
    const atMs = Date.parse(event.occurred_at);
    const isNewest = atMs >= this.#placeAtMs;
    if (isNewest) this.#placeAtMs = atMs;
    if (event.session_id === this.#playback?.sessionId) return;
    this.#askForProgressSoon();
    if (isNewest) this.#offer(event.position, type === "playback.stopped");
  }

  #offer(positionS: number, hasStopped: boolean) {
    const isHere = Math.abs(positionS - this.#video.currentTime) < ELSEWHERE_S;
    this.#hooks.elsewhere(isHere ? null : { positionS, hasStopped });
  }

  // Events carry the watched share, but not which seconds.
  #askForProgressSoon() {
    clearTimeout(this.#progressTimer);
    this.#progressTimer = setTimeout(() => {
      // Refused, the page shows what it has: the next event asks again.
      this.#service.progress(this.#videoId).then(this.#hooks.progress, () => {});
    }, SETTLES_MS);
  }
}

/** Seconds that are buffered beyond the place. */
function aheadOf({ buffered, currentTime }: HTMLVideoElement): number {
  for (let i = 0; i < buffered.length; i += 1)
    if (buffered.start(i) <= currentTime && currentTime < buffered.end(i))
      return buffered.end(i) - currentTime;
  return 0;
}
