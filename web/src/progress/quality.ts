// What playing was like on this page: startup, stalls, dropped frames, the picture's height. The
// figures are sums since the page opened: the server keeps the last ones of a session.

import type { Network, Quality } from "../service/answers.ts";

const NETWORKS: readonly unknown[] = ["slow-2g", "2g", "3g", "4g"] satisfies Network[];
const MAX_ERROR_LENGTH = 200;

export class QualityMeter {
  #video: HTMLVideoElement;
  #loadedAtMs: number | null = null;
  #startupMs: number | null = null;
  #stalls = 0;
  #stalledMs = 0;
  #stalledSinceMs: number | null = null;
  #error: string | null = null;
  #isPlaying = false;
  #frames = { dropped: 0, all: 0 };
  /** Bits a second of the rendition that plays, where there is a choice. */
  bitrate: number | null = null;

  constructor(video: HTMLVideoElement, signal: AbortSignal) {
    this.#video = video;
    const on = (type: string, listener: () => void) =>
      video.addEventListener(type, listener, { signal });
    on("loadeddata", () => this.#begin());
    on("playing", () => this.#goOn());
    on("waiting", () => this.#stall());
    // The viewer's own doing is no stall.
    on("seeking", () => this.#goOn(false));
    on("pause", () => this.#goOn(false));
    on("emptied", () => this.#goOn(false));
  }

  /** Note that the viewer has asked for the video. */
  ask() {
    this.#loadedAtMs ??= performance.now();
  }

  note(error: string) {
    this.#error = error.slice(0, MAX_ERROR_LENGTH);
  }

  /** True while playing waits for data. */
  get isStalled() {
    return this.#stalledSinceMs !== null;
  }

  /** The share of frames that were not shown in time, since playing last went on. */
  get droppedRatio(): number {
    const { dropped, all } = this.#countFrames();
    return (dropped - this.#frames.dropped) / Math.max(1, all - this.#frames.all);
  }

  #countFrames() {
    const { droppedVideoFrames = 0, totalVideoFrames = 0 } =
      this.#video.getVideoPlaybackQuality?.() ?? {};
    return { dropped: droppedVideoFrames, all: totalVideoFrames };
  }

  read(): Quality {
    const dropped = this.#video.getVideoPlaybackQuality?.().droppedVideoFrames;
    const height = this.#video.videoHeight;
    const network = networkOf(navigator);
    return {
      ...(this.#startupMs !== null && { startup_ms: this.#startupMs }),
      stalls: this.#stalls,
      stalled_ms: Math.round(this.#stalledMs + this.#stalledNowMs),
      ...(dropped !== undefined && { dropped_frames: dropped }),
      ...(height > 0 && { height }),
      ...(this.bitrate !== null && { bitrate: Math.round(this.bitrate) }),
      ...(network !== null && { network }),
      ...(this.#error !== null && { error: this.#error }),
    };
  }

  get #stalledNowMs() {
    return this.#stalledSinceMs === null ? 0 : performance.now() - this.#stalledSinceMs;
  }

  #begin() {
    if (this.#startupMs === null && this.#loadedAtMs !== null)
      this.#startupMs = Math.round(performance.now() - this.#loadedAtMs);
  }

  #stall() {
    if (!this.#isPlaying || this.#video.seeking || this.isStalled) return;
    this.#stalls += 1;
    this.#stalledSinceMs = performance.now();
  }

  #goOn(isPlaying = true) {
    this.#stalledMs += this.#stalledNowMs;
    this.#stalledSinceMs = null;
    this.#isPlaying = isPlaying;
    this.#frames = this.#countFrames();
  }
}

/** The kind of line, where the browser tells; by its speed alone, which is what playing feels. */
export function networkOf(browser: object): Network | null {
  const { connection } = browser as { connection?: { effectiveType?: unknown } };
  const type = connection?.effectiveType;
  return NETWORKS.includes(type) ? (type as Network) : null;
}
