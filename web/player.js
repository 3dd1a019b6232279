// The <video> element kept playing: which source, from where, and what to do when it fails.

import { ApiError, send } from "./api.js";
import { resumePlace } from "./resume.js";

const FIRST_PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 30_000;

export class Player {
  #video;
  #playback;
  #hooks;
  #sourceIndex = 0;
  #loadedGrant = null;
  #failures = 0;
  #isOver = false;
  #listening = new AbortController();

  /**
   * Hooks: `beforeLoad(positionS)`, `loaded()` (the place is reached and shown), `trouble(message)`
   * (null when it is over), `failed(error)`.
   */
  constructor(video, playback, hooks) {
    this.#video = video;
    this.#playback = playback;
    this.#hooks = hooks;
    const { signal } = this.#listening;
    video.addEventListener("error", () => this.#recover().catch((error) => this.fail(error)), {
      signal,
    });
    video.addEventListener("loadeddata", () => this.#arrive(), { signal });
  }

  get isOver() {
    return this.#isOver;
  }

  get resumePositionS() {
    const { resume_position: placeS, duration } = this.#playback.terms;
    return resumePlace(placeS, duration);
  }

  /** Load the chosen source and go to a place; plays on only if it was playing. */
  load(positionS, isPlaying = false) {
    const source = this.#sources[this.#sourceIndex];
    if (!source)
      return this.fail(new ApiError(415, { detail: "This browser cannot play this video." }));
    this.#hooks.beforeLoad(positionS);
    this.#loadedGrant = this.#playback.grant;
    this.#video.src = source.url;
    this.#video.currentTime = positionS;
    // A browser that wants a click first refuses: the viewer presses play.
    if (isPlaying) this.#video.play().catch(() => {});
  }

  seek(positionS) {
    this.#video.currentTime = positionS;
    this.#video.play().catch(() => {});
  }

  /** End playing for good. */
  fail(error) {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listening.abort();
    this.#video.pause();
    this.#hooks.trouble(null);
    this.#hooks.failed(error);
  }

  get #sources() {
    const rank = { probably: 0, maybe: 1 };
    const ranked = this.#playback.terms.sources.map((source) => ({
      ...source,
      rank: rank[this.#video.canPlayType(source.type)],
    }));
    return ranked.filter((source) => source.rank !== undefined).sort((a, b) => a.rank - b.rank);
  }

  #arrive() {
    this.#failures = 0;
    this.#playback.confirm();
    this.#hooks.loaded();
    this.#hooks.trouble(null);
  }

  // A media element does not say which status it met: ask for the same address and see.
  async #recover() {
    if (this.#isOver) return;
    const place = [this.#video.currentTime, !this.#video.paused];
    const isCut = this.#video.error?.code === MediaError.MEDIA_ERR_NETWORK;
    const { error, isElsewhere } = await statusOf(this.#video.src);
    // The source may have switched meanwhile.
    if (error === null && isElsewhere && this.#playback.hasWorked)
      await this.#playback.renew(this.#loadedGrant);
    else if (error === null && isCut) await this.#wait(0);
    else if (error === null) this.#sourceIndex += 1;
    else if (error.status === 401) await this.#playback.renew(this.#loadedGrant);
    else if (error.isTemporary) await this.#wait(error.retryAfterS);
    else throw error;
    if (!this.#isOver) this.load(...place);
  }

  async #wait(retryAfterS) {
    this.#failures += 1;
    this.#hooks.trouble("The connection to the server is lost. Playing goes on when it is back.");
    const doubledMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    const waitMs = Math.max(retryAfterS * 1000, doubledMs) * (1 + Math.random() / 4);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/**
 * No error when the address gives its bytes, or says where else they are; what that other place
 * answers, pages may not ask.
 */
async function statusOf(url) {
  try {
    const { type } = await send("HEAD", url, { accept: "*/*", redirect: "manual" });
    return { error: null, isElsewhere: type === "opaqueredirect" };
  } catch (error) {
    return { error, isElsewhere: false };
  }
}
