// Media Session: the keys of keyboards and headsets, and the system's display of what plays.

import type { Commands } from "./commands.ts";

const JUMP_S = 10;

export interface NowPlaying {
  title: string;
  artwork: string | null;
  next: (() => void) | null;
}

export class MediaKeys {
  #video: HTMLVideoElement;
  #commands: Commands;
  #session = navigator.mediaSession;
  #now: NowPlaying = { title: "", artwork: null, next: null };

  constructor(video: HTMLVideoElement, commands: Commands) {
    this.#video = video;
    this.#commands = commands;
    if (!this.#session) return;
    // Whichever player of a page plays, the keys are its.
    video.addEventListener("play", () => this.#take());
    for (const type of ["ratechange", "seeked", "durationchange", "playing"])
      video.addEventListener(type, () => this.#place());
  }

  show(now: NowPlaying) {
    this.#now = now;
    if (this.#session && !this.#video.paused) this.#take();
  }

  #take() {
    const { title, artwork, next } = this.#now;
    this.#session.metadata = new MediaMetadata({
      title,
      ...(artwork && { artwork: [{ src: artwork }] }),
    });
    this.#on("play", () => void this.#video.play());
    this.#on("pause", () => this.#video.pause());
    this.#on("seekbackward", ({ seekOffset }) => this.#commands.seekBy(-(seekOffset ?? JUMP_S)));
    this.#on("seekforward", ({ seekOffset }) => this.#commands.seekBy(seekOffset ?? JUMP_S));
    this.#on("seekto", ({ seekTime }) => seekTime !== undefined && this.#commands.seekTo(seekTime));
    this.#on("nexttrack", next);
  }

  #on(action: MediaSessionAction, act: MediaSessionActionHandler | null) {
    try {
      this.#session.setActionHandler(action, act);
    } catch {
      // This browser does not know the key.
    }
  }

  #place() {
    const { duration, playbackRate, currentTime } = this.#video;
    if (!Number.isFinite(duration) || currentTime > duration || this.#video.paused) return;
    this.#session.setPositionState?.({ duration, playbackRate, position: currentTime });
  }
}
