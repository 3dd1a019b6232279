// The timeline: what has been seen, what is buffered, the chapters, and a preview of the place that
// the pointer is at.

import { clock, el, svg } from "../browser/elements.ts";
import type { Tile } from "../element/storyboard.ts";
import { type Cue, cueIndexAt, plainText } from "../element/webvtt.ts";
import { fromTimeRanges, type IntervalSet, measure } from "../progress/intervals.ts";
import { playerText, share, spokenTime } from "../texts/player/texts.ts";
import { type Heat, heatPath } from "./heat.ts";
import type { Commands } from "./input/commands.ts";

const PREVIEW_WIDTH_PX = 176;
const STEP_S = 5;
const LONG_STEP_S = 30;

type TileAt = (positionS: number) => Tile | null;

export class Timeline {
  #video: HTMLVideoElement;
  #commands: Commands;
  #buffered = svg("g", { class: "buffered" });
  #played = svg("rect", { class: "played", x: 0, y: 0, height: 1, width: 0 });
  #seen = svg("g", { class: "seen" });
  #rail = rail("rail", this.#buffered, this.#played);
  #seenRail = rail("seen-rail", this.#seen);
  #heat = rail("heat");
  #marks = el("div", { className: "marks" });
  #knob = el("div", { className: "knob" });
  #picture = el("div", { className: "picture" });
  #label = el("div", { className: "label" });
  #preview = el(
    "div",
    { className: "preview", ariaHidden: "true", hidden: true },
    this.#picture,
    this.#label,
  );
  #chapters: readonly Cue[] = [];
  #watched: IntervalSet = [];
  #dragS: number | null = null;
  tileAt: TileAt = () => null;
  element = el(
    "div",
    { className: "timeline", role: "slider", tabIndex: 0, ariaLabel: playerText("timeline.label") },
    this.#heat,
    this.#rail,
    this.#seenRail,
    this.#marks,
    this.#knob,
    this.#preview,
  );

  constructor(video: HTMLVideoElement, commands: Commands) {
    this.#video = video;
    this.#commands = commands;
    for (const type of ["timeupdate", "seeking", "durationchange", "emptied", "progress"])
      video.addEventListener(type, () => this.draw());
    this.element.addEventListener("pointermove", (event) => this.#hover(event));
    this.element.addEventListener("pointerleave", () => this.#leave());
    this.element.addEventListener("pointerdown", (event) => this.#grab(event));
    this.element.addEventListener("pointerup", () => this.#drop());
    this.element.addEventListener("pointercancel", () => this.#drop());
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.draw();
  }

  /** Seconds of the video that the viewer has seen. */
  showWatched(watched: IntervalSet) {
    this.#watched = watched;
    this.#seen.replaceChildren(...watched.map(piece));
    this.#seenRail.setAttribute("aria-hidden", "true");
    this.draw();
  }

  /** How often each part was played, for those who teach; null for nobody else. */
  showHeat(heat: Heat | null) {
    const path = heat ? heatPath(heat) : "";
    this.#heat.replaceChildren(...(path ? [svg("path", { d: path })] : []));
    this.element.classList.toggle("heated", path !== "");
  }

  showChapters(chapters: readonly Cue[]) {
    this.#chapters = chapters;
    this.#drawMarks();
  }

  draw() {
    const durationS = this.#durationS;
    const positionS = this.#dragS ?? this.#video.currentTime;
    for (const one of [this.#heat, this.#rail, this.#seenRail])
      one.setAttribute("viewBox", `0 0 ${durationS || 1} 1`);
    this.#buffered.replaceChildren(...fromTimeRanges(this.#video.buffered).map(piece));
    this.#played.setAttribute("width", String(positionS));
    this.#knob.style.left = along(positionS, durationS);
    this.#speak(positionS, durationS);
  }

  #speak(positionS: number, durationS: number) {
    const { element } = this;
    element.ariaValueMin = "0";
    element.ariaValueMax = String(Math.floor(durationS));
    element.ariaValueNow = String(Math.floor(positionS));
    const chapter = this.#chapterAt(positionS);
    const at = { place: spokenTime(positionS), length: spokenTime(durationS) };
    const seen = durationS && { share: share(measure(this.#watched) / durationS) };
    const said = [
      playerText("timeline.at", at),
      chapter,
      seen ? playerText("timeline.seen", seen) : "",
    ];
    element.ariaValueText = said.filter(Boolean).join(", ");
  }

  get #durationS() {
    return this.#commands.durationS;
  }

  #chapterAt(positionS: number): string {
    return plainText(this.#chapters[cueIndexAt(this.#chapters, positionS)]?.text ?? "");
  }

  #drawMarks() {
    const durationS = this.#durationS;
    const starts = this.#chapters.map(({ startS }) => startS).filter((startS) => startS > 0);
    const marks = durationS ? starts.filter((startS) => startS < durationS) : [];
    this.#marks.replaceChildren(
      ...marks.map((startS) => {
        const mark = el("div", { className: "mark" });
        mark.style.left = along(startS, durationS);
        return mark;
      }),
    );
  }

  #placeAt({ clientX }: PointerEvent): number {
    const { left, width } = this.element.getBoundingClientRect();
    return Math.min(1, Math.max(0, (clientX - left) / (width || 1))) * this.#durationS;
  }

  #hover(event: PointerEvent) {
    if (!this.#durationS) return;
    const placeS = this.#placeAt(event);
    if (this.#dragS !== null) {
      this.#dragS = placeS;
      this.draw();
    }
    this.#showPreview(placeS);
  }

  #grab(event: PointerEvent) {
    if (event.button !== 0 || !this.#durationS) return;
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add("dragged");
    this.#dragS = this.#placeAt(event);
    this.draw();
    this.#showPreview(this.#dragS);
  }

  // One seek where the pointer is let go: each seek on the way would be a request.
  #drop() {
    if (this.#dragS !== null) this.#commands.seekTo(this.#dragS);
    this.#leave();
  }

  #leave() {
    if (this.#dragS !== null && this.element.matches(":active")) return;
    this.#dragS = null;
    this.element.classList.remove("dragged");
    this.#preview.hidden = true;
    this.draw();
  }

  #press(event: KeyboardEvent) {
    const steps: Record<string, number> = {
      ArrowLeft: -STEP_S,
      ArrowDown: -STEP_S,
      ArrowRight: STEP_S,
      ArrowUp: STEP_S,
      PageUp: LONG_STEP_S,
      PageDown: -LONG_STEP_S,
    };
    const step = steps[event.key];
    if (step) this.#commands.seekTo(this.#video.currentTime + step);
    else if (event.key === "Home") this.#commands.seekTo(0);
    else if (event.key === "End") this.#commands.seekTo(this.#durationS);
    else return;
    event.preventDefault();
  }

  #showPreview(placeS: number) {
    const isSeen = this.#watched.some(([from, to]) => from <= placeS && placeS < to);
    const seen = isSeen && ` · ${playerText("timeline.wasSeen")}`;
    const lines = [
      el("span", { className: "chapter", dir: "auto" }, this.#chapterAt(placeS)),
      el("span", {}, clock(placeS), seen && el("span", { className: "was-seen" }, seen)),
    ];
    this.#label.replaceChildren(...lines);
    this.#showPicture(this.tileAt(placeS));
    this.#preview.hidden = false;
    const { width } = this.element.getBoundingClientRect();
    const half = Math.min(this.#preview.offsetWidth, width) / 2;
    const centre = (placeS / this.#durationS) * width;
    this.#preview.style.left = `${Math.min(width - half, Math.max(half, centre))}px`;
  }

  #showPicture(tile: Tile | null) {
    this.#picture.hidden = !tile;
    if (!tile) return;
    const scale = PREVIEW_WIDTH_PX / tile.width;
    const { style } = this.#picture;
    style.width = `${PREVIEW_WIDTH_PX}px`;
    style.height = `${tile.height * scale}px`;
    const image = this.#picture.querySelector("img") ?? el("img", { alt: "", draggable: false });
    if (image.src !== tile.url) image.src = tile.url;
    // Cells of a sheet whose size only the picture itself knows.
    image.style.transformOrigin = "0 0";
    image.style.transform = `scale(${scale}) translate(${-tile.x}px, ${-tile.y}px)`;
    this.#picture.replaceChildren(image);
  }
}

function rail(name: string, ...groups: SVGElement[]) {
  return svg(
    "svg",
    { class: name, viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
    ...groups,
  );
}

function piece([from, to]: [number, number]) {
  return svg("rect", { x: from, y: 0, width: to - from, height: 1 });
}

function along(positionS: number, durationS: number): string {
  return `${durationS ? Math.min(100, (positionS / durationS) * 100) : 0}%`;
}
