// The texts that belong to a video: captions, chapters and the storyboard's cues, fetched by grant.
// Captions become a text track of the element's, whose cues the controls draw.

import type { Playback } from "../playback/playback.ts";
import { type Cue, parseWebVtt } from "./webvtt.ts";

export class Texts {
  #video: HTMLVideoElement;
  #playback: () => Playback | null;
  #captions = new Map<string, Promise<Cue[]>>();
  #shown: TextTrack | null = null;
  #wanted: string | null = null;

  constructor(video: HTMLVideoElement, playback: () => Playback | null) {
    this.#video = video;
    this.#playback = playback;
  }

  get languages(): string[] {
    return this.#playback()?.terms.captions.map(({ language }) => language) ?? [];
  }

  /** The captions of a language; none where they cannot be had. */
  captions(language: string): Promise<Cue[]> {
    const path = this.#playback()?.terms.captions.find((one) => one.language === language)?.url;
    const known = this.#captions.get(language);
    if (known || !path) return known ?? Promise.resolve([]);
    const asked = this.#fetch(path);
    this.#captions.set(language, asked);
    // An outage is worth another try.
    asked.then((cues) => cues.length || this.#captions.delete(language));
    return asked;
  }

  chapters(): Promise<Cue[]> {
    return this.#fetch(this.#playback()?.terms.chapters_url ?? null);
  }

  /** The chapters as they are stored; null where there are none. */
  async chapterText(): Promise<string | null> {
    const playback = this.#playback();
    const path = playback?.terms.chapters_url;
    return path && playback ? playback.text(path).catch(() => null) : null;
  }

  async storyboard(): Promise<{ cues: Cue[]; base: string }> {
    const path = this.#playback()?.terms.storyboard_url ?? null;
    return { cues: await this.#fetch(path), base: this.#playback()?.url(path ?? "/") ?? "" };
  }

  /** Caption cues as a track of this language, drawn by whoever listens to it; null for none. */
  async show(language: string | null): Promise<TextTrack | null> {
    this.#wanted = language;
    const cues = language ? await this.captions(language) : [];
    if (this.#wanted !== language) return this.#shown;
    const track = language ? this.#track(language, cues) : null;
    // One that is shown already stays: turned off and on in a pause, it would have no cue of now.
    if (this.#shown && this.#shown !== track) this.#shown.mode = "disabled";
    this.#shown = track;
    return track;
  }

  #track(language: string, cues: Cue[]): TextTrack {
    const all = [...this.#video.textTracks];
    const track =
      all.find((one) => one.kind === "captions" && one.language === language) ??
      this.#video.addTextTrack("captions", language, language);
    track.mode = "hidden"; // loaded, though the browser shows nothing of it
    if (!track.cues?.length)
      for (const { startS, endS, text } of cues) track.addCue(new VTTCue(startS, endS, text));
    return track;
  }

  async #fetch(path: string | null): Promise<Cue[]> {
    const playback = this.#playback();
    if (!path || !playback) return [];
    try {
      return parseWebVtt(await playback.text(path));
    } catch {
      return []; // a video without captions is better than none
    }
  }
}
