// The bar under the picture: the timeline above a row of buttons.

import { clock, el } from "../browser/elements.ts";
import { type Cue, cueIndexAt, plainText } from "../element/webvtt.ts";
import { playerText, share } from "../texts/player/texts.ts";
import { type Button, iconButton } from "./button.ts";
import type { Commands } from "./input/commands.ts";
import { Menu } from "./panels/menu.ts";
import { type Ladder, settingsOf } from "./panels/settings.ts";
import { Timeline } from "./timeline.ts";

const JUMP_S = 10;

export class Bar {
  #video: HTMLVideoElement;
  #commands: Commands;
  #chapters: readonly Cue[] = [];
  #play: Button;
  #mute: Button;
  #captions: Button;
  #panel: Button;
  #pip: Button;
  #cast: Button;
  #full: Button;
  #volume = el("input", {
    type: "range",
    className: "volume",
    min: 0,
    max: 1,
    step: 0.05,
    ariaLabel: playerText("bar.volume"),
  });
  #time = el("span", { className: "time" });
  #chapterTitle = el("bdi");
  #chapter = el(
    "button",
    { type: "button", className: "chapter", hidden: true },
    this.#chapterTitle,
  );
  #badge = el("span", { className: "rate", hidden: true });
  menu: Menu;
  timeline: Timeline;
  element: HTMLElement;

  constructor(video: HTMLVideoElement, commands: Commands, ladder: () => Ladder) {
    this.#video = video;
    this.#commands = commands;
    this.timeline = new Timeline(video, commands);
    this.#play = iconButton("play", playerText("bar.play"), "k", () => commands.toggle());
    this.#mute = iconButton("loud", playerText("bar.soundOff"), "m", () => commands.toggleMute());
    this.#captions = iconButton("captions", playerText("bar.captions"), "c", () =>
      commands.toggleCaptions(),
    );
    this.#panel = iconButton("transcript", playerText("bar.panel"), "t", () =>
      commands.togglePanel(),
    );
    this.#pip = iconButton(
      "pip",
      playerText("bar.pictureInPicture"),
      null,
      () => void commands.togglePictureInPicture(),
    );
    this.#cast = iconButton("cast", playerText("bar.cast"), null, () => commands.cast());
    this.#full = iconButton(
      "full",
      playerText("bar.fullScreen"),
      "f",
      () => void commands.toggleFullscreen(),
    );
    const settings = iconButton("settings", playerText("bar.settings"), null, () =>
      this.menu.toggle(),
    );
    settings.element.append(this.#badge);
    this.menu = new Menu(settings.element, settingsOf(commands, ladder));
    this.element = this.#build(settings);
    this.#listen();
    this.showTexts({ hasPanel: false, chapters: [] });
    this.#draw();
  }

  showTexts({ hasPanel, chapters }: { hasPanel: boolean; chapters: readonly Cue[] }) {
    this.#chapters = chapters;
    this.#captions.element.hidden = this.#commands.languages().length === 0;
    this.#panel.element.hidden = !hasPanel;
    this.timeline.showChapters(chapters);
    this.#drawPlace();
  }

  drawPreferences() {
    const { captions, rate } = this.#commands.preferences;
    const isOn = captions !== null && this.#commands.languages().includes(captions);
    this.#captions.element.ariaPressed = String(isOn);
    this.#badge.hidden = rate === 1;
    this.#badge.textContent = `${rate}×`;
  }

  showPanelOpen(isOpen: boolean) {
    this.#panel.element.ariaPressed = String(isOpen);
  }

  #build(settings: Button) {
    const back = iconButton("back", playerText("bar.back"), "j", () =>
      this.#commands.seekBy(-JUMP_S),
    );
    const forward = iconButton("forward", playerText("bar.forward"), "l", () =>
      this.#commands.seekBy(JUMP_S),
    );
    back.element.classList.add("jump");
    forward.element.classList.add("jump");
    this.#pip.element.classList.add("pip");
    const isPipPossible = document.pictureInPictureEnabled === true;
    this.#pip.element.hidden = !isPipPossible;
    this.#cast.element.hidden = true;
    this.#chapter.onclick = () => this.#commands.togglePanel();
    const volume = el("div", { className: "sound" }, this.#mute.element, this.#volume);
    const left = [
      this.#play.element,
      back.element,
      forward.element,
      volume,
      this.#time,
      this.#chapter,
    ];
    const right = [this.#captions, this.#panel, settings, this.#cast, this.#pip, this.#full];
    return el(
      "div",
      { className: "bar" },
      this.timeline.element,
      el(
        "div",
        { className: "row" },
        ...left,
        el("span", { className: "space" }),
        ...right.map(({ element }) => element),
        this.menu.element,
      ),
    );
  }

  #listen() {
    const video = this.#video;
    const on = (types: string[], listener: () => void) => {
      for (const type of types) video.addEventListener(type, listener);
    };
    on(["play", "pause", "ended", "emptied", "volumechange"], () => this.#draw());
    on(["timeupdate", "seeking", "durationchange", "loadedmetadata"], () => this.#drawPlace());
    on(["durationchange"], () => this.timeline.showChapters(this.#chapters));
    this.#volume.addEventListener("input", () =>
      this.#commands.setVolume(this.#volume.valueAsNumber),
    );
    video.remote
      ?.watchAvailability((isThere) => {
        this.#cast.element.hidden = !isThere;
      })
      .catch(() => {}); // a browser that cannot look for devices
  }

  /** Show whether the screen is filled; the frame hears of it, not the video. */
  showFullscreen(isFull: boolean) {
    const said = playerText(isFull ? "bar.leaveFullScreen" : "bar.fullScreen");
    this.#full.show(isFull ? "unfull" : "full", said);
  }

  #draw() {
    const { paused, ended, muted, volume } = this.#video;
    if (ended) this.#play.show("replay", playerText("bar.playAgain"));
    else if (paused) this.#play.show("play", playerText("bar.play"));
    else this.#play.show("pause", playerText("bar.pause"));
    const isSilent = muted || volume === 0;
    this.#mute.show(
      isSilent ? "mute" : volume < 0.5 ? "quiet" : "loud",
      playerText(isSilent ? "bar.soundOn" : "bar.soundOff"),
    );
    this.#volume.valueAsNumber = isSilent ? 0 : volume;
    this.#volume.ariaValueText = share(isSilent ? 0 : volume);
    this.#volume.style.setProperty("--share", `${(isSilent ? 0 : volume) * 100}%`);
    this.drawPreferences();
    this.#drawPlace();
  }

  #drawPlace() {
    const { currentTime } = this.#video;
    const { durationS } = this.#commands;
    const length = durationS ? clock(durationS) : "–:––";
    this.#time.textContent = `${clock(currentTime)} /\u00a0${length}`;
    const chapter = this.#chapters[cueIndexAt(this.#chapters, currentTime)];
    this.#chapter.hidden = !chapter;
    this.#chapterTitle.textContent = plainText(chapter?.text ?? "");
  }
}
