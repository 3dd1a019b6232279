// Touch and mouse on the picture: a click plays or pauses, a tap shows the controls, a double tap
// at a side seeks, a double click fills the screen, a swipe along the picture seeks far.

import { clock } from "../../browser/elements.ts";
import type { Commands } from "./commands.ts";

const DOUBLE_TAP_MS = 300;
const SWIPE_BEGINS_PX = 24;
/** Seconds that a swipe over the whole width means. */
const SWIPE_S = 120;
const JUMP_S = 10;

interface Touch {
  id: number;
  x: number;
  y: number;
  fromS: number;
  toS: number | null;
}

export class Gestures {
  #surface: HTMLElement;
  #video: HTMLVideoElement;
  #commands: Commands;
  #toggleControls: () => void;
  #flash: (word: string) => void;
  #touch: Touch | null = null;
  #lastTapMs = Number.NEGATIVE_INFINITY;
  #tapTimer = 0;

  constructor(
    surface: HTMLElement,
    video: HTMLVideoElement,
    commands: Commands,
    toggleControls: () => void,
    flash: (word: string) => void,
  ) {
    this.#surface = surface;
    this.#video = video;
    this.#commands = commands;
    this.#toggleControls = toggleControls;
    this.#flash = flash;
    surface.addEventListener("click", (event) => this.#click(event));
    surface.addEventListener("dblclick", (event) => this.#doubleClick(event));
    surface.addEventListener("pointerdown", (event) => this.#begin(event));
    surface.addEventListener("pointermove", (event) => this.#move(event));
    surface.addEventListener("pointerup", (event) => this.#end(event));
    surface.addEventListener("pointercancel", () => this.#forget());
  }

  #click(event: MouseEvent) {
    if (!isTouch(event)) this.#commands.toggle();
  }

  #doubleClick(event: MouseEvent) {
    if (!isTouch(event)) void this.#commands.toggleFullscreen();
  }

  #begin({ pointerType, pointerId, clientX, clientY }: PointerEvent) {
    if (pointerType !== "touch") return;
    this.#touch = {
      id: pointerId,
      x: clientX,
      y: clientY,
      fromS: this.#video.currentTime,
      toS: null,
    };
  }

  #move({ pointerId, clientX, clientY }: PointerEvent) {
    const touch = this.#touch;
    if (touch?.id !== pointerId) return;
    const acrossPx = clientX - touch.x;
    const isSwipe =
      Math.abs(acrossPx) > SWIPE_BEGINS_PX && Math.abs(acrossPx) > 2 * Math.abs(clientY - touch.y);
    if (touch.toS === null && !isSwipe) return;
    const byS = (acrossPx / this.#surface.clientWidth) * SWIPE_S;
    touch.toS = Math.min(this.#commands.durationS, Math.max(0, touch.fromS + byS));
    this.#flash(clock(touch.toS));
  }

  #end({ pointerId, clientX }: PointerEvent) {
    const touch = this.#touch;
    if (touch?.id !== pointerId) return;
    this.#forget();
    if (touch.toS !== null) return this.#commands.seekTo(touch.toS);
    const isSecond = performance.now() - this.#lastTapMs < DOUBLE_TAP_MS;
    this.#lastTapMs = performance.now();
    clearTimeout(this.#tapTimer);
    if (!isSecond || !this.#jump(clientX))
      this.#tapTimer = setTimeout(this.#toggleControls, DOUBLE_TAP_MS);
  }

  #jump(x: number): boolean {
    const { left, width } = this.#surface.getBoundingClientRect();
    const share = (x - left) / width;
    if (share > 0.35 && share < 0.65) return false;
    this.#commands.seekBy(share < 0.5 ? -JUMP_S : JUMP_S);
    return true;
  }

  #forget() {
    this.#touch = null;
  }
}

function isTouch(event: MouseEvent): boolean {
  return (event as PointerEvent).pointerType === "touch";
}
