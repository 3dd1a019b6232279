// The player beside the editors: where it is, and what they ask of it.

import { signal } from "@preact/signals";
import type { CourseVideoElement } from "../../element/course-video.ts";
import "../../element/course-video.ts";

interface Wanted {
  placeS: number;
  isPlaying: boolean;
}

export class Preview {
  /** The place in seconds, as often as the browser says it. */
  readonly time = signal(0);
  readonly element: CourseVideoElement;
  #endS = Number.POSITIVE_INFINITY;
  /** What to do once the film has loaded; null while none is loading. */
  #next: Wanted | null = null;

  /** `token` is null where the session of `userId` stands for it. */
  constructor(videoId: string, userId: string, token: string | null) {
    this.element = document.createElement("course-video") as CourseVideoElement;
    if (token) this.element.getToken = (isRefused) => (isRefused ? null : token);
    else this.element.sessionUser = userId;
    this.element.video = videoId;
    this.element.addEventListener("timeupdate", () => this.#follow());
    this.element.addEventListener("seeked", () => this.#follow());
  }

  /** Play from one second to another. */
  play(startS: number, endS: number) {
    this.#endS = endS;
    this.#goTo({ placeS: startS, isPlaying: true });
  }

  seek(seconds: number) {
    this.#endS = Number.POSITIVE_INFINITY;
    this.#goTo({ placeS: seconds, isPlaying: false });
  }

  /** After a change of captions, chapters or the file; goes on at the place, or where it is sent
   * meanwhile. */
  reload() {
    if (!this.#next)
      this.element.addEventListener("course-ready", () => this.#goOn(), { once: true });
    this.#next ??= { placeS: this.time.value, isPlaying: false };
    this.element.load();
  }

  #goTo(wanted: Wanted) {
    if (this.#next) {
      this.#next = wanted;
      return;
    }
    this.element.currentTime = wanted.placeS;
    if (wanted.isPlaying) void this.element.play();
  }

  #goOn() {
    const wanted = this.#next;
    this.#next = null;
    if (wanted) this.#goTo(wanted);
  }

  #follow() {
    if (this.#next) return; // an empty player says that it is at 0
    const { currentTime } = this.element;
    this.time.value = currentTime;
    if (currentTime < this.#endS) return;
    this.#endS = Number.POSITIVE_INFINITY;
    this.element.pause();
  }
}
