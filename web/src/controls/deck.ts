// All that is drawn on and beside the picture, put together.

import { el } from "../browser/elements.ts";
import type { Preferences } from "../browser/preferences.ts";
import { playerText } from "../texts/player/texts.ts";
import { Bar } from "./bar.ts";
import { iconButton } from "./button.ts";
import { CaptionView } from "./caption_view.ts";
import { Commands } from "./input/commands.ts";
import { Gestures } from "./input/gestures.ts";
import { keys } from "./input/keyboard.ts";
import { MediaKeys } from "./input/media_keys.ts";
import { Messages } from "./messages.ts";
import { Panel } from "./panels/panel.ts";
import type { Ladder } from "./panels/settings.ts";

const IDLE_MS = 3_000;
const SPINNER_MS = 400;

export interface DeckHooks {
  prefer(changed: Partial<Preferences>): void;
  ladder(): Ladder;
  openDownloads(): void;
}

export class Deck {
  #video: HTMLVideoElement;
  #idleTimer = 0;
  #spinnerTimer = 0;
  #stage: HTMLElement;
  #big = iconButton("play", playerText("bar.play"), null, () => this.commands.toggle());
  #poster = el("img", { className: "poster", alt: "", hidden: true });
  commands: Commands;
  captions: CaptionView;
  messages = new Messages();
  bar: Bar;
  panel: Panel;
  mediaKeys: MediaKeys;
  /** Fills the screen; the element's whole content. */
  element: HTMLElement;

  constructor(video: HTMLVideoElement, preferences: Preferences, hooks: DeckHooks) {
    this.#video = video;
    this.element = el("div", { className: "player" });
    this.commands = new Commands(video, preferences, {
      frame: this.element,
      prefer: (changed) => hooks.prefer(changed),
      togglePanel: () => hooks.prefer({ hasPanel: Boolean(this.panel.element.hidden) }),
      toggleHelp: () => this.#toggleHelp(),
      openDownloads: () => hooks.openDownloads(),
      flash: (word) => this.messages.showFlash(word),
    });
    this.captions = new CaptionView(video);
    this.bar = new Bar(video, this.commands, () => hooks.ladder());
    this.panel = new Panel(video, this.commands);
    this.mediaKeys = new MediaKeys(video, this.commands);
    this.#stage = this.#build();
    this.element.append(this.#stage, this.panel.element);
    this.#listen();
    this.prefer(preferences);
  }

  prefer(preferences: Preferences) {
    this.commands.preferences = preferences;
    this.captions.prefer(preferences);
    this.bar.drawPreferences();
    const isOpen = preferences.hasPanel && this.panel.hasContent;
    this.panel.show(isOpen);
    this.bar.showPanelOpen(isOpen);
    this.element.classList.toggle("with-panel", isOpen);
  }

  /** A picture to look at while nothing is decoded, or there is sound alone. */
  showPoster(url: string | null) {
    this.#poster.hidden = !url;
    if (url && this.#poster.src !== url) this.#poster.src = url;
  }

  showSoundOnly(isSoundOnly: boolean) {
    this.#stage.classList.toggle("sound-only", isSoundOnly);
  }

  /** Bring the controls up, as a move of the pointer does. */
  wake() {
    this.#stage.classList.remove("idle");
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#rest(), IDLE_MS);
  }

  #build() {
    const surface = el("div", { className: "surface" });
    new Gestures(
      surface,
      this.#video,
      this.commands,
      () => (this.#stage.classList.contains("idle") ? this.wake() : this.#rest(true)),
      (word) => this.messages.showFlash(word),
    );
    this.#big.element.classList.add("big");
    const { card, offer, line, flash } = this.messages;
    return el(
      "div",
      { className: "stage fresh", "data-listening": playerText("messages.listening") },
      this.#video,
      this.#poster,
      surface,
      el("div", { className: "spinner", ariaHidden: "true" }),
      this.captions.element,
      flash,
      el("div", { className: "top" }, line, offer),
      this.#big.element,
      this.bar.element,
      card,
    );
  }

  #listen() {
    const stage = this.#stage;
    for (const type of ["pointermove", "focusin", "keydown"])
      stage.addEventListener(type, () => this.wake());
    stage.addEventListener(
      "pointerleave",
      (event) => event.pointerType === "mouse" && this.#rest(),
    );
    const on = (types: string[], listener: () => void) => {
      for (const type of types) this.#video.addEventListener(type, listener);
    };
    on(["play", "pause", "ended"], () => this.#drawState());
    on(["playing"], () => stage.classList.remove("fresh"));
    on(["waiting", "seeking"], () => this.#spinSoon());
    on(["playing", "seeked", "canplay", "pause", "error"], () => this.#stopSpinning());
    this.element.addEventListener("fullscreenchange", () => {
      this.bar.showFullscreen(document.fullscreenElement !== null);
    });
    this.#drawState();
  }

  #drawState() {
    const { paused, ended } = this.#video;
    this.#stage.classList.toggle("paused", paused);
    this.#stage.classList.toggle("ended", ended);
    this.wake();
  }

  // The controls go while it plays and nobody needs them.
  #rest(isForced = false) {
    const isInUse =
      this.bar.menu.isOpen || this.bar.element.matches(":focus-within:has(:focus-visible)");
    if (!isForced && (this.#video.paused || isInUse)) return;
    this.#stage.classList.add("idle");
  }

  #spinSoon() {
    clearTimeout(this.#spinnerTimer);
    this.#spinnerTimer = setTimeout(() => this.#stage.classList.add("waiting"), SPINNER_MS);
  }

  #stopSpinning() {
    clearTimeout(this.#spinnerTimer);
    this.#stage.classList.remove("waiting");
  }

  #toggleHelp() {
    const known = this.element.querySelector("dialog");
    if (known) return known.close();
    const close = iconButton("close", playerText("close"), null, () => dialog.close());
    const rows = keys().flatMap(([names, does]) => [el("dt", {}, names), el("dd", {}, does)]);
    const dialog = el(
      "dialog",
      { className: "help", ariaLabel: playerText("keys.title") },
      el("header", {}, el("h2", {}, playerText("keys.title")), close.element),
      el("dl", {}, ...rows),
    );
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "?") return;
      event.preventDefault();
      event.stopPropagation();
      dialog.close();
    });
    this.element.append(dialog);
    dialog.showModal();
  }
}
