// Captions on the picture, above the controls. The cue's text becomes nodes by the browser's own
// WebVTT parser, so nothing in it is ever HTML.

import { el } from "../browser/elements.ts";
import type { Preferences } from "../browser/preferences.ts";

export class CaptionView {
  #video: HTMLVideoElement;
  #track: TextTrack | null = null;
  #draw = () => this.#show();
  element = el("div", { className: "captions" });

  constructor(video: HTMLVideoElement) {
    this.#video = video;
    for (const type of ["seeking", "play"]) video.addEventListener(type, this.#draw);
  }

  /** Draw the cues of this track from now on; null for none. */
  follow(track: TextTrack | null) {
    this.#track?.removeEventListener("cuechange", this.#draw);
    this.#track = track;
    track?.addEventListener("cuechange", this.#draw);
    this.#show();
  }

  prefer({ captionSize, captionGround }: Preferences) {
    this.element.dataset.size = captionSize;
    this.element.dataset.ground = captionGround;
  }

  // Not `activeCues`: browsers have none before a video has been played or sought.
  #show() {
    const { currentTime } = this.#video;
    const all = [...(this.#track?.cues ?? [])] as VTTCue[];
    const cues = all.filter((cue) => cue.startTime <= currentTime && currentTime < cue.endTime);
    this.element.replaceChildren(
      ...cues.map((cue) => {
        const line = el("span", { className: "cue", dir: "auto" });
        line.append(cue.getCueAsHTML());
        return el("p", {}, line);
      }),
    );
  }
}
