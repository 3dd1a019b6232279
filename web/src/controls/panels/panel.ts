// The panel beside the picture: the transcript, with search, and the chapters. A click on a line
// goes there; the line that is spoken is marked and kept in view.

import { clock, el } from "../../browser/elements.ts";
import { type Cue, cueIndexAt, plainText } from "../../element/webvtt.ts";
import { languageName, playerText } from "../../texts/player/texts.ts";
import { iconButton } from "../button.ts";
import type { Commands } from "../input/commands.ts";

type Tab = "transcript" | "chapters";

export class Panel {
  #commands: Commands;
  #video: HTMLVideoElement;
  #cues: Record<Tab, readonly Cue[]> = { transcript: [], chapters: [] };
  #chosen: Tab = "transcript";
  #marked = -2;
  #search = el("input", {
    type: "search",
    dir: "auto",
    placeholder: playerText("panel.search"),
    ariaLabel: playerText("panel.searchLabel"),
  });
  #count = el("span", { className: "count", role: "status" });
  #tabs = el("div", { className: "tabs" });
  #list = el("ol", { className: "lines", tabIndex: -1 });
  #language = "";
  element: HTMLElement;

  constructor(video: HTMLVideoElement, commands: Commands) {
    this.#video = video;
    this.#commands = commands;
    const close = iconButton("close", playerText("panel.close"), "t", () => commands.togglePanel());
    this.element = el(
      "section",
      { className: "panel", ariaLabel: playerText("panel.label"), hidden: true },
      el("header", {}, this.#tabs, close.element),
      el("div", { className: "finder" }, this.#search, this.#count),
      this.#list,
    );
    this.#search.addEventListener("input", () => this.#drawLines());
    this.#search.addEventListener(
      "keydown",
      (event) => event.key !== "Escape" && event.stopPropagation(),
    );
    for (const type of ["timeupdate", "seeked"])
      video.addEventListener(type, () => this.element.hidden || this.#mark());
  }

  get hasContent() {
    return this.#cues.transcript.length > 0 || this.#cues.chapters.length > 0;
  }

  show(isShown: boolean) {
    this.element.hidden = !isShown;
    if (isShown) this.#mark(true);
  }

  showChapters(cues: readonly Cue[]) {
    this.#cues.chapters = cues;
    this.#draw();
  }

  showTranscript(cues: readonly Cue[], language: string) {
    this.#cues.transcript = cues;
    this.#language = language;
    this.#draw();
  }

  /** The tab that was chosen, where there is something in it. */
  get #tab(): Tab {
    const { transcript, chapters } = this.#cues;
    if (this.#chosen === "chapters") return chapters.length ? "chapters" : "transcript";
    return transcript.length || !chapters.length ? "transcript" : "chapters";
  }

  #draw() {
    const { transcript, chapters } = this.#cues;
    this.#tabs.replaceChildren(
      ...(transcript.length ? [this.#tabButton("transcript")] : []),
      ...(chapters.length ? [this.#tabButton("chapters")] : []),
    );
    this.#drawLines();
  }

  #tabButton(tab: Tab) {
    const note = tab === "transcript" && this.#language ? languageName(this.#language) : "";
    const button = el("button", { type: "button", title: note }, playerText(`panel.${tab}`));
    button.ariaPressed = String(tab === this.#tab);
    button.onclick = () => {
      this.#chosen = tab;
      this.#draw();
    };
    return button;
  }

  #drawLines() {
    const isTranscript = this.#tab === "transcript";
    const wanted = isTranscript ? this.#search.value.trim().toLocaleLowerCase() : "";
    this.#search.parentElement?.toggleAttribute(
      "hidden",
      !isTranscript || !this.#cues.transcript.length,
    );
    const lines = this.#cues[this.#tab]
      .map((cue, index) => this.#line(cue, index, wanted))
      .filter((line) => line !== null);
    this.#list.replaceChildren(...lines);
    this.#list.lang = isTranscript ? this.#language : "";
    if (!lines.length) {
      const said = playerText(wanted ? "panel.nothingFound" : "panel.nothing");
      this.#list.append(el("li", { className: "none" }, said));
    }
    this.#count.textContent = wanted ? String(lines.length) : "";
    this.#marked = -2;
    this.#mark(true);
  }

  #line({ startS, text }: Cue, index: number, wanted: string) {
    const plain = plainText(text);
    const place = wanted ? plain.toLocaleLowerCase().indexOf(wanted) : -1;
    if (wanted && place < 0) return null;
    const words =
      place < 0
        ? [plain]
        : [
            plain.slice(0, place),
            el("mark", {}, plain.slice(place, place + wanted.length)),
            plain.slice(place + wanted.length),
          ];
    const button = el(
      "button",
      { type: "button", onclick: () => this.#commands.seekTo(startS) },
      el("span", { className: "at" }, clock(startS)),
      el("span", { className: "words", dir: "auto" }, ...words),
    );
    button.dataset.index = String(index);
    return el("li", {}, button);
  }

  #mark(isForced = false) {
    const index = cueIndexAt(this.#cues[this.#tab], this.#video.currentTime + 0.05);
    if (index === this.#marked && !isForced) return;
    this.#marked = index;
    this.#list.querySelector("[aria-current]")?.removeAttribute("aria-current");
    const line = this.#list.querySelector<HTMLElement>(`[data-index="${index}"]`);
    line?.setAttribute("aria-current", "true");
    if (line && !this.#list.contains(this.#focused)) this.#bringIntoView(line);
  }

  get #focused() {
    return (this.element.getRootNode() as ShadowRoot).activeElement;
  }

  // Within the list only: the page must not move under its reader.
  #bringIntoView(line: HTMLElement) {
    const list = this.#list;
    const offset = line.offsetTop - list.offsetTop;
    const isVisible =
      offset >= list.scrollTop && offset + line.offsetHeight <= list.scrollTop + list.clientHeight;
    if (!isVisible) list.scrollTop = offset - list.clientHeight / 3;
  }
}
