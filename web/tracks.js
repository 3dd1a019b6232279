// Text tracks of a video: captions, which the browser shows, and chapters as a list.

import { clock, el } from "./elements.js";

export class Tracks {
  #video;
  #list;
  #seek;

  /** Chapters are drawn into `list`; a click calls `seek(seconds)`. */
  constructor(video, list, seek) {
    this.#video = video;
    this.#list = list;
    this.#seek = seek;
  }

  /**
   * Tracks of the playback answer: their URLs change with the grant, the viewer's choice stays.
   *
   * Call it when the video is loaded: Chromium waits for tracks before it goes to the place where
   * playing begins, and then says that everything before that place has been played.
   */
  show({ captions, chapters_url: chaptersUrl }) {
    const languages = captions.map(({ language }) => language);
    for (const track of this.#video.querySelectorAll("track[kind=captions]")) {
      if (!languages.includes(track.srclang)) track.remove();
    }
    for (const { language, url } of captions) this.#place("captions", language, url);
    if (chaptersUrl) this.#place("chapters", "", chaptersUrl);
  }

  #place(kind, language, url) {
    const known = [...this.#video.querySelectorAll(`track[kind=${kind}]`)];
    const track = known.find(({ srclang }) => srclang === language) ?? this.#add(kind, language);
    if (track.getAttribute("src") !== url) track.src = url;
  }

  #add(kind, language) {
    const track = el("track", { kind, srclang: language, label: language && nameOf(language) });
    this.#video.append(track);
    if (kind === "chapters") this.#follow(track);
    return track;
  }

  #follow(track) {
    track.track.mode = "hidden"; // loaded, though the browser shows nothing of it
    track.addEventListener("load", () => this.#draw([...track.track.cues]));
    track.track.addEventListener("cuechange", () => this.#mark([...track.track.activeCues].at(-1)));
  }

  #draw(cues) {
    this.#list.replaceChildren(...cues.map((cue) => this.#item(cue)));
    this.#list.hidden = !cues.length;
  }

  #item(cue) {
    const title = cue.getCueAsHTML().textContent;
    const time = el("span", { className: "where" }, clock(cue.startTime));
    const button = el("button", { type: "button" }, time, title);
    button.addEventListener("click", () => this.#seek(cue.startTime));
    button.dataset.startS = cue.startTime;
    return el("li", {}, button);
  }

  #mark(cue) {
    for (const button of this.#list.querySelectorAll("button")) {
      button.ariaCurrent = Number(button.dataset.startS) === cue?.startTime ? "true" : null;
    }
  }
}

/** The language's name in the viewer's own. */
function nameOf(tag) {
  return new Intl.DisplayNames([navigator.language], { type: "language" }).of(tag);
}
