// The <video> element kept playing: which source, from where, and what to do when it fails.

import { browserStore, readJson, writeJson } from "../browser/stores.ts";
import { ApiError, send } from "../service/client.ts";
import type { Engine, Line } from "./engine.ts";
import type { Playback } from "./playback.ts";
import type { QualityChoice, Rung } from "./qualities.ts";
import { resumePlace } from "./resume.ts";
import { type Candidate, candidates, hasMediaSource } from "./sources.ts";

const FIRST_PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 30_000;
// The last lesson had a ladder: the next one has, most likely.
const LADDER_KEY = "coursestream.ladder";

/** Fetch the engine of ladders beside the terms, where a ladder is likely. */
export function warmUp() {
  if (readJson(browserStore, LADDER_KEY) === true) import("./hls_engine.ts").catch(() => {});
}

export interface PlayerHooks {
  beforeLoad(positionS: number): void;
  /** The place is reached and shown. */
  loaded(): void;
  /** Waiting for the server, and no longer. */
  trouble(isWaiting: boolean): void;
  failed(error: ApiError): void;
  /** Other rungs, or another one plays. */
  rungs(rungs: Rung[], current: Rung | null): void;
}

export class Player {
  #video: HTMLVideoElement;
  #playback: Playback;
  #hooks: PlayerHooks;
  #quality: QualityChoice;
  #candidateIndex = 0;
  #engine: Engine | null = null;
  #loads = 0;
  #loadedGrant: string | null = null;
  #failures = 0;
  #isWanted = false;
  #isOver = false;
  #isRecovering = false;
  #isLoading = false;
  #listening = new AbortController();

  constructor(
    video: HTMLVideoElement,
    playback: Playback,
    quality: QualityChoice,
    hooks: PlayerHooks,
  ) {
    this.#video = video;
    this.#playback = playback;
    this.#quality = quality;
    this.#hooks = hooks;
    const on = (type: string, listener: () => void) =>
      video.addEventListener(type, listener, { signal: this.#listening.signal });
    on("error", () => this.#engine || this.#recover());
    on("loadeddata", () => this.#arrive());
    on("play", () => this.#want());
    on("pause", () => this.#unwant());
    on("seeking", () => this.#seekWithLivingGrant());
  }

  get line(): Line {
    return this.#engine?.line ?? { bits: null, status: 0 };
  }

  get isOver() {
    return this.#isOver;
  }

  get resumePositionS() {
    const { resume_position: placeS, duration } = this.#playback.terms;
    return resumePlace(placeS, duration);
  }

  /** Load the chosen source and go to a place; plays on only if it is to. */
  load(positionS: number, isPlaying = false) {
    const candidate = this.#candidates[this.#candidateIndex];
    if (!candidate) return this.fail(new ApiError(415, { code: "cannot-play" }));
    this.#hooks.beforeLoad(positionS);
    this.#isWanted = isPlaying;
    this.#isLoading = true;
    this.#loadedGrant = this.#playback.grant;
    this.#engine?.close();
    this.#engine = null;
    this.#loads += 1;
    writeJson(browserStore, LADDER_KEY, candidate.kind === "hls.js");
    if (candidate.kind === "file") this.#loadFile(candidate, positionS);
    else void this.#loadLadder(candidate, positionS, this.#loads);
  }

  seek(positionS: number) {
    this.#video.currentTime = positionS;
  }

  choose(quality: QualityChoice) {
    this.#quality = quality;
    if (this.#engine && !this.#engine.choose(quality))
      this.load(this.#video.currentTime, this.#isWanted);
  }

  /** End playing for good. */
  fail(error: ApiError) {
    if (this.#isOver) return;
    this.close();
    this.#video.pause();
    this.#hooks.trouble(false);
    this.#hooks.failed(error);
  }

  /** Leave the element to another player. */
  close() {
    this.#isOver = true;
    this.#listening.abort();
    this.#engine?.close();
  }

  get #candidates(): Candidate[] {
    const canPlay = (type: string) => this.#video.canPlayType(type);
    return candidates(this.#playback.terms, canPlay, hasMediaSource());
  }

  #loadFile({ url }: Candidate, positionS: number) {
    this.#hooks.rungs([], null);
    this.#video.src = this.#playback.url(url);
    this.#video.currentTime = positionS;
    this.#playIfWanted();
  }

  async #loadLadder({ url }: Candidate, positionS: number, load: number) {
    const { HlsEngine } = await import("./hls_engine.ts");
    if (this.#isOver || load !== this.#loads) return;
    const engine: Engine = new HlsEngine(
      this.#video,
      this.#playback,
      this.#playback.url(url),
      positionS,
      this.#quality,
      {
        ready: () => {
          this.#hooks.rungs(engine.rungs, null);
          // Choosing the sound alone has attached the element once more.
          this.#playIfWanted();
        },
        switched: (rung) => this.#hooks.rungs(engine.rungs, rung),
        failed: (error) => this.#recover(error),
      },
    );
    this.#engine = engine;
    this.#playIfWanted();
  }

  // A browser that wants a click first refuses: the viewer presses play.
  #playIfWanted() {
    if (this.#isWanted) this.#video.play().catch(() => {});
  }

  #want() {
    this.#isWanted = true;
    // Back from a long pause: ask before the buffer is empty.
    if (this.#playback.isExpired) this.#renewQuietly();
  }

  // A source that failed, or is being replaced, pauses the element without anybody's wish.
  #unwant() {
    if (!this.#video.error && !this.#isRecovering && !this.#isLoading) this.#isWanted = false;
  }

  #arrive() {
    this.#isLoading = false;
    this.#failures = 0;
    this.#playback.confirm();
    this.#hooks.loaded();
    this.#hooks.trouble(false);
  }

  // What is not buffered needs a grant that holds: known to be dead, it is replaced at once.
  #seekWithLivingGrant() {
    const { currentTime, buffered } = this.#video;
    if (this.#engine || this.#isRecovering || isWithin(buffered, currentTime)) return;
    if (this.#playback.isExpired || this.#loadedGrant !== this.#playback.grant) this.#recover();
  }

  #renewQuietly() {
    this.#playback.renew(this.#playback.grant).then(
      () => this.#follow(),
      () => {}, // the next request that needs it meets the same, and says so
    );
  }

  // A file goes on with the address that it has, and so with the old grant, until it is loaded anew.
  #follow() {
    const candidate = this.#candidates[this.#candidateIndex];
    if (!this.#engine || !candidate) return;
    this.#loadedGrant = this.#playback.grant;
    this.#engine.follow(this.#playback.url(candidate.url));
  }

  /** One recovery at a time, from the place where playing is to be then. */
  async #recover(error?: ApiError) {
    if (this.#isOver || this.#isRecovering) return;
    this.#isRecovering = true;
    const positionS = this.#video.currentTime;
    try {
      await this.#repair(error);
    } catch (cause) {
      if (!(cause instanceof ApiError)) throw cause;
      if (!cause.isTemporary) return this.fail(cause);
      await this.#wait(cause.retryAfterS);
    } finally {
      this.#isRecovering = false;
    }
    if (this.#isOver) return;
    const isRenewed = this.#loadedGrant !== this.#playback.grant;
    if (this.#engine && error && isRenewed) return this.#follow();
    // The viewer may have gone elsewhere meanwhile.
    this.load(this.#video.currentTime || positionS, this.#isWanted);
  }

  async #repair(error?: ApiError) {
    if (this.#playback.isExpired) return this.#playback.renew(this.#playback.grant);
    const isCut = this.#video.error?.code === MediaError.MEDIA_ERR_NETWORK;
    const found = error ? { error, isElsewhere: false } : await statusOf(this.#video.src);
    const isDead = found.error?.status === 401;
    // The source may have switched meanwhile.
    const hasMoved = found.error === null && found.isElsewhere && this.#playback.hasWorked;
    if (isDead || hasMoved) await this.#playback.renew(this.#loadedGrant ?? "");
    else if (found.error?.status === 415) this.#candidateIndex += 1;
    else if (found.error) throw found.error;
    else if (isCut) await this.#wait(0);
    else if (this.#loadedGrant === this.#playback.grant) this.#candidateIndex += 1;
  }

  async #wait(retryAfterS: number) {
    this.#failures += 1;
    this.#hooks.trouble(true);
    const doubledMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    const waitMs = Math.max(retryAfterS * 1000, doubledMs) * (1 + Math.random() / 4);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

function isWithin(ranges: TimeRanges, positionS: number): boolean {
  for (let i = 0; i < ranges.length; i += 1)
    if (ranges.start(i) <= positionS && positionS < ranges.end(i)) return true;
  return false;
}

/**
 * No error when the address gives its bytes, or says where else they are; what that other place
 * answers, pages may not ask.
 */
async function statusOf(url: string): Promise<{ error: ApiError | null; isElsewhere: boolean }> {
  try {
    const { type } = await send("HEAD", url, { accept: "*/*", redirect: "manual" });
    return { error: null, isElsewhere: type === "opaqueredirect" };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { error, isElsewhere: false };
  }
}
