// What the viewer really watched, as reports. Seconds count where two sources agree: the element's
// own `played` ranges, and the steps of the playhead at the playing rate. Chromium's `played` has
// begun at 0 for a viewer who resumed at 20, and a position alone does not tell playing from seeking.
// Each report carries what is new since the last.

import type { Playback } from "../playback/playback.ts";
import type { Quality, Report, ReportEvent } from "../service/answers.ts";
import {
  fromTimeRanges,
  type IntervalSet,
  intersect,
  subtract,
  tidy,
  union,
  widen,
} from "./intervals.ts";
import type { Outbox } from "./outbox.ts";
import { Steps } from "./steps.ts";

const MAX_INTERVALS = 256;
// The playhead is looked at a few times a second; `played` is exact to the frame.
const STEP_EDGE_S = 0.3;
// Dragging the slider seeks dozens of times; the place where it comes to rest is what counts.
const SEEK_SETTLES_MS = 400;
const SAME_PLACE_S = 0.05;

type Measure = () => Quality | undefined;

export class Reporter {
  #video: HTMLVideoElement;
  #playback: Playback;
  #outbox: Outbox;
  #measure: Measure;
  #reported: IntervalSet = [];
  #carried: IntervalSet = [];
  #steps = new Steps();
  #rate: number;
  #topRate: number;
  #isStarted = false;
  #hasShown = false;
  #isOver = false;
  #openedAtMs = Date.now();
  #lastAtMs = 0;
  #lastPositionS: number | null = null;
  #seekTimer = 0;
  #dueTimer = 0;
  #listening = new AbortController();

  /** `measure` gives what the player has measured so far, for each report. */
  constructor(
    video: HTMLVideoElement,
    playback: Playback,
    outbox: Outbox,
    measure: Measure = () => undefined,
  ) {
    this.#video = video;
    this.#playback = playback;
    this.#outbox = outbox;
    this.#measure = measure;
    this.#rate = this.#topRate = video.playbackRate;
  }

  /** Follow the element; `isPlaying` when it has begun already. */
  listen(isPlaying = false) {
    const { signal } = this.#listening;
    const on = (target: EventTarget, type: string, listener: () => void) =>
      target.addEventListener(type, listener, { signal });
    // Before those that report: a report carries what was seen up to its own event.
    for (const type of ["playing", "timeupdate", "pause", "ended", "ratechange", "seeked"])
      on(this.#video, type, () => this.#look());
    on(this.#video, "seeking", () => this.#jump());
    on(this.#video, "emptied", () => this.#steps.jump());
    on(this.#video, "loadeddata", () => this.#show());
    on(this.#video, "playing", () => this.#start());
    on(this.#video, "timeupdate", () => this.#reportIfDue());
    on(this.#video, "pause", () => this.#video.ended || this.#report("paused"));
    on(this.#video, "ended", () => this.#report("completed"));
    on(this.#video, "seeked", () => this.#reportSeekSoon());
    on(document, "visibilitychange", () => this.#changeVisibility());
    on(window, "pagehide", () => this.leave());
    // A stalled or hidden player gives no timeupdate, but the viewer is still there.
    this.#dueTimer = setInterval(() => this.#reportIfDue(), this.#intervalMs);
    if (this.#video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.#show();
    if (isPlaying) this.#start();
  }

  /** Report no more: another reporter takes over the element. */
  close() {
    this.#isOver = true;
    this.#listening.abort();
    clearInterval(this.#dueTimer);
    clearTimeout(this.#seekTimer);
  }

  /** Send the last report, for a page or an element that goes away. */
  leave() {
    if (!this.#isOver) this.#sayGoodbye();
    this.#isOver = true;
  }

  /** Keep what was watched before the element forgets it by loading another source. */
  carryOver() {
    this.#carried = union(this.#carried, this.#unreported());
    this.#reported = [];
    this.#steps.clear();
  }

  /** The place the page itself goes to: arriving there is no news. */
  expectPosition(positionS: number) {
    this.#lastPositionS = positionS;
  }

  get #intervalMs() {
    return this.#playback.terms.report_interval * 1000;
  }

  /** The playhead as it is now. While seeking it is where nothing has been played yet. */
  #look() {
    const rate = this.#video.playbackRate;
    this.#topRate = Math.max(this.#topRate, rate);
    if (!this.#video.seeking) this.#lookAt(this.#video.currentTime);
    this.#rate = rate;
  }

  #lookAt(positionS: number) {
    this.#steps.look(positionS, performance.now(), Math.max(this.#rate, this.#video.playbackRate));
  }

  // The position is the new one already; `played` knows how far playing came before the jump.
  #jump() {
    const { lastPositionS } = this.#steps;
    if (lastPositionS !== null) {
      const holds = ([from, to]: [number, number]) => from <= lastPositionS && lastPositionS <= to;
      const range = this.#played.find(holds);
      if (range) this.#lookAt(range[1]);
    }
    this.#steps.jump();
  }

  get #played() {
    return union(fromTimeRanges(this.#video.played));
  }

  #seen() {
    this.#look();
    return intersect(this.#played, widen(this.#steps.seconds, STEP_EDGE_S));
  }

  #unreported() {
    return subtract(this.#seen(), this.#reported);
  }

  #show() {
    this.#hasShown = true;
  }

  #sayGoodbye() {
    if (this.#isStarted || this.#hasNews()) this.#sendAway("stopped");
    else if (!this.#hasShown) this.#tellExit();
  }

  // Nothing was shown: who waits in vain is not forgotten. The place is that which was known when the
  // page opened, so it is of that time: a device that plays meanwhile knows better.
  #tellExit() {
    this.#outbox.keep(this.#compose("stopped", this.#lastPositionS ?? 0), this.#openedAtMs);
    this.#outbox.beacon(this.#playback.reportUrl);
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

  #changeVisibility() {
    if (document.visibilityState === "visible") void this.#outbox.flush();
    // On a phone this is often the last that a page hears.
    else if (this.#hasNews()) this.#sendAway("progress");
  }

  #hasNews() {
    if (this.#isOver || this.#video.readyState === 0) return false;
    return this.#hasMoved || this.#carried.length > 0 || this.#unreported().length > 0;
  }

  get #hasMoved() {
    const { currentTime } = this.#video;
    return !(Math.abs(currentTime - (this.#lastPositionS ?? Number.NaN)) < SAME_PLACE_S);
  }

  #report(event: ReportEvent) {
    if (this.#isOver) return;
    this.#outbox.keep(this.#compose(event));
    void this.#outbox.flush();
  }

  #sendAway(event: ReportEvent) {
    this.#outbox.keep(this.#compose(event));
    this.#outbox.beacon(this.#playback.reportUrl);
  }

  #compose(event: ReportEvent, placeS = this.#video.currentTime): Report {
    const seen = this.#seen();
    const watched = union(this.#carried, subtract(seen, this.#reported));
    this.#carried = [];
    this.#reported = union(this.#reported, seen);
    const rate = this.#topRate;
    this.#topRate = this.#rate;
    this.#lastAtMs = performance.now();
    this.#lastPositionS = placeS;
    clearTimeout(this.#seekTimer);
    const durationS = this.#playback.terms.duration ?? Infinity;
    const quality = this.#measure();
    const position = Math.round(Math.min(placeS, durationS) * 1000) / 1000;
    return {
      session_id: this.#playback.sessionId,
      sequence: this.#playback.takeSequence(position),
      position,
      watched: tidy(watched, durationS, MAX_INTERVALS),
      event,
      rate, // the greatest since the last report: what it carries may have been played at that
      ...(quality && { quality }),
    };
  }
}
