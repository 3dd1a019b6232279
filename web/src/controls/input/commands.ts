// Everything that a viewer can tell the player, by button, key, touch or media key. Knows the video
// and the preferences; whoever draws listens to both.

import type { Preferences } from "../../browser/preferences.ts";
import { playerText, share } from "../../texts/player/texts.ts";

export const RATES = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2];
const VOLUME_STEP = 0.05;

/** What the element around the controls does for them. */
export interface Surroundings {
  /** The element that fills the screen. */
  frame: HTMLElement;
  prefer(changed: Partial<Preferences>): void;
  togglePanel(): void;
  toggleHelp(): void;
  openDownloads(): void;
  /** A short word on the picture: "10 s back", "1.5×". */
  flash(word: string): void;
}

/** Where iPhones go full screen and find their receivers. */
type AppleVideo = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

export class Commands {
  #video: HTMLVideoElement;
  #around: Surroundings;
  #lastCaptions: string | null = null;
  languages: () => string[] = () => [];
  preferences: Preferences;

  constructor(video: HTMLVideoElement, preferences: Preferences, around: Surroundings) {
    this.#video = video;
    this.#around = around;
    this.preferences = preferences;
  }

  get durationS() {
    return Number.isFinite(this.#video.duration) ? this.#video.duration : 0;
  }

  toggle() {
    if (this.#video.paused || this.#video.ended) this.#video.play().catch(() => {});
    else this.#video.pause();
  }

  seekTo(positionS: number) {
    const lastS = this.durationS || Number.POSITIVE_INFINITY;
    this.#video.currentTime = Math.min(lastS, Math.max(0, positionS));
  }

  seekBy(seconds: number) {
    this.seekTo(this.#video.currentTime + seconds);
    const path = seconds < 0 ? "flash.back" : "flash.forward";
    this.#around.flash(playerText(path, { count: Math.abs(seconds) }));
  }

  setRate(rate: number) {
    this.#video.playbackRate = rate;
    this.#around.prefer({ rate });
  }

  stepRate(direction: 1 | -1) {
    const now = this.#video.playbackRate;
    const next =
      direction > 0 ? RATES.find((rate) => rate > now) : RATES.findLast((rate) => rate < now);
    if (next) this.setRate(next);
    this.#around.flash(`${this.#video.playbackRate}×`);
  }

  setVolume(volume: number) {
    this.#video.volume = Math.min(1, Math.max(0, volume));
    this.#video.muted = this.#video.volume === 0;
    this.#around.prefer({ volume: this.#video.volume, isMuted: this.#video.muted });
  }

  stepVolume(direction: 1 | -1) {
    this.setVolume((this.#video.muted ? 0 : this.#video.volume) + direction * VOLUME_STEP);
    this.#around.flash(playerText("flash.volume", { share: share(this.#video.volume) }));
  }

  toggleMute() {
    if (this.#video.muted && this.#video.volume === 0) return this.setVolume(0.5);
    this.#video.muted = !this.#video.muted;
    this.#around.prefer({ isMuted: this.#video.muted });
  }

  setCaptions(language: string | null) {
    this.#around.prefer({ captions: language });
  }

  toggleCaptions() {
    const { captions } = this.preferences;
    const languages = this.languages();
    if (!languages.length) return this.#around.flash(playerText("flash.noCaptions"));
    if (captions && languages.includes(captions)) {
      this.#lastCaptions = captions;
      this.#around.flash(playerText("flash.captionsOff"));
      return this.setCaptions(null);
    }
    this.#around.flash(playerText("flash.captionsOn"));
    this.setCaptions(this.#lastCaptions ?? bestLanguage(languages));
  }

  prefer(changed: Partial<Preferences>) {
    this.#around.prefer(changed);
  }

  async toggleFullscreen() {
    const { frame } = this.#around;
    const root = frame.getRootNode() as ShadowRoot;
    if (root.fullscreenElement) return document.exitFullscreen();
    if (frame.requestFullscreen) return frame.requestFullscreen().catch(() => {});
    (this.#video as AppleVideo).webkitEnterFullscreen?.();
  }

  async togglePictureInPicture() {
    const root = this.#video.getRootNode() as ShadowRoot;
    if (root.pictureInPictureElement) return document.exitPictureInPicture();
    await this.#video.requestPictureInPicture?.().catch(() => {});
  }

  cast() {
    this.#video.remote?.prompt().catch(() => {}); // the viewer has chosen none
  }

  togglePanel() {
    this.#around.togglePanel();
  }

  toggleHelp() {
    this.#around.toggleHelp();
  }

  openDownloads() {
    this.#around.openDownloads();
  }
}

/** The language of the viewer's browser, where there is one of it; else the first. */
function bestLanguage(languages: string[]): string | null {
  const mine = navigator.languages.map((tag) => tag.split("-")[0]);
  return languages.find((tag) => mine.includes(tag.split("-")[0])) ?? languages[0] ?? null;
}
