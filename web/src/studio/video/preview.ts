// The player beside the editors: where it is, and what they ask of it.

import { signal } from "@preact/signals";
import type { CourseVideoElement } from "../../element/course-video.ts";
import "../../element/course-video.ts";

export class Preview {
  /** The place in seconds, as often as the browser says it. */
  readonly time = signal(0);
  readonly element: CourseVideoElement;
  #endS = Number.POSITIVE_INFINITY;

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
    this.element.currentTime = startS;
    void this.element.play();
  }

  seek(seconds: number) {
    this.#endS = Number.POSITIVE_INFINITY;
    this.element.currentTime = seconds;
  }

  /** After a change of captions, chapters or the file; the place stays. */
  reload() {
    const place = this.time.value;
    this.element.addEventListener("course-ready", () => this.seek(place), { once: true });
    this.element.load();
  }

  #follow() {
    const { currentTime } = this.element;
    this.time.value = currentTime;
    if (currentTime < this.#endS) return;
    this.#endS = Number.POSITIVE_INFINITY;
    this.element.pause();
  }
}
