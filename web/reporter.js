// What the viewer really watched, as reports. The seconds come from the element's own `played`
// ranges, never from the clock or the position; each report carries what is new since the last.

import { fromTimeRanges, subtract, tidy, union } from "./intervals.js";

const MAX_INTERVALS = 256;
// Dragging the slider seeks dozens of times; the place where it comes to rest is what counts.
const SEEK_SETTLES_MS = 400;
const SAME_PLACE_S = 0.05;

export class Reporter {
  #video;
  #playback;
  #outbox;
  #videoId;
  #reported = [];
  #carried = [];
  #isStarted = false;
  #isOver = false;
  #lastAtMs = 0;
  #lastPositionS = null;
  #seekTimer = 0;
  #dueTimer = 0;
  #listening = new AbortController();

  constructor(video, videoId, playback, outbox) {
    this.#video = video;
    this.#videoId = videoId;
    this.#playback = playback;
    this.#outbox = outbox;
  }

  listen() {
    const { signal } = this.#listening;
    const on = (target, type, listener) => target.addEventListener(type, listener, { signal });
    on(this.#video, "playing", () => this.#start());
    on(this.#video, "timeupdate", () => this.#reportIfDue());
    on(this.#video, "pause", () => this.#video.ended || this.#report("paused"));
    on(this.#video, "ended", () => this.#report("completed"));
    on(this.#video, "seeked", () => this.#reportSeekSoon());
    on(document, "visibilitychange", () => this.#changeVisibility());
    on(window, "pagehide", () => this.#leave());
    // A stalled or hidden player gives no timeupdate, but the viewer is still there.
    this.#dueTimer = setInterval(() => this.#reportIfDue(), this.#intervalMs);
  }

  /** Report no more: another reporter takes over the element. */
  close() {
    this.#isOver = true;
    this.#listening.abort();
    clearInterval(this.#dueTimer);
    clearTimeout(this.#seekTimer);
  }

  /** Keep what was watched before the element forgets it by loading another source. */
  carryOver() {
    this.#carried = union(this.#carried, this.#unreported());
    this.#reported = [];
  }

  get #intervalMs() {
    return this.#playback.terms.report_interval * 1000;
  }

  #unreported() {
    return subtract(union(fromTimeRanges(this.#video.played)), this.#reported);
  }

  #start() {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#report("started");
  }

  #reportIfDue() {
    if (!this.#isStarted || this.#video.paused) return;
    if (performance.now() - this.#lastAtMs >= this.#intervalMs) this.#report("progress");
  }

  #reportSeekSoon() {
    clearTimeout(this.#seekTimer);
    // Going to the resume position is the page's doing, not the viewer's.
    if (!this.#hasMoved) return;
    this.#seekTimer = setTimeout(() => this.#report("seeked"), SEEK_SETTLES_MS);
  }

  /** The place the page itself goes to: arriving there is no news. */
  expectPosition(positionS) {
    this.#lastPositionS = positionS;
  }

  #changeVisibility() {
    if (document.visibilityState === "visible") this.#outbox.flush();
    // On a phone this is often the last that a page hears.
    else if (this.#hasNews()) this.#sendAway("progress");
  }

  #leave() {
    if (this.#isStarted || this.#hasNews()) this.#sendAway("stopped");
    this.#isOver = true;
  }

  #hasNews() {
    if (this.#isOver || this.#video.readyState === 0) return false;
    return this.#hasMoved || this.#carried.length > 0 || this.#unreported().length > 0;
  }

  get #hasMoved() {
    return !(Math.abs(this.#video.currentTime - this.#lastPositionS) < SAME_PLACE_S);
  }

  #report(event) {
    if (this.#isOver) return;
    this.#outbox.keep(this.#compose(event));
    this.#outbox.flush();
  }

  #sendAway(event) {
    this.#outbox.keep(this.#compose(event));
    this.#outbox.beacon(this.#playback.reportUrl(this.#videoId));
  }

  #compose(event) {
    const watched = union(this.#carried, this.#unreported());
    this.#carried = [];
    this.#reported = union(fromTimeRanges(this.#video.played));
    this.#lastAtMs = performance.now();
    this.#lastPositionS = this.#video.currentTime;
    clearTimeout(this.#seekTimer);
    const durationS = this.#playback.terms.duration ?? Infinity;
    return {
      session_id: this.#playback.sessionId,
      sequence: this.#playback.takeSequence(),
      position: Math.round(Math.min(this.#video.currentTime, durationS) * 1000) / 1000,
      watched: tidy(watched, durationS, MAX_INTERVALS),
      event,
      rate: this.#video.playbackRate,
    };
  }
}
