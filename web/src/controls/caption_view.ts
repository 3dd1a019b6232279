// Captions on the picture, above the controls. The cue's text becomes nodes by the browser's own
// WebVTT parser, so nothing in it is ever HTML.

import { el } from "../browser/elements.ts";
import type { Preferences } from "../browser/preferences.ts";

export class CaptionView {
  #track: TextTrack | null = null;
  #draw = () => this.#show();
  element = el("div", { className: "captions" });

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

  #show() {
    const cues = [...(this.#track?.activeCues ?? [])] as VTTCue[];
    this.element.replaceChildren(
      ...cues.map((cue) => {
        const line = el("span", { className: "cue" });
        line.append(cue.getCueAsHTML());
        return el("p", {}, line);
      }),
    );
  }
}
