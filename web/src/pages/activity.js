// Live list of viewers and their videos, for instructors. Bounded; the newest on top.

import { clock, el, percent } from "../browser/elements.ts";

const MAX_ENTRIES = 30;
// The server calls 30 s of silence a stop, unless the viewer paused: silence for longer is a pause.
const SILENT_MS = 35_000;

const STATES = {
  "playback.started": "watching",
  "playback.progress": "watching",
  "playback.completed": "completed",
  "playback.stopped": "stopped",
};

export class Activity {
  #panel;
  #rows = new Map();
  #titleOf;

  /** `titleOf(videoId)` names a video, or gives null where the name needs no saying. */
  constructor(panel, titleOf) {
    this.#panel = panel;
    this.#titleOf = titleOf;
    panel.hidden = false;
  }

  apply(type, event) {
    const state = STATES[type];
    if (!state) return;
    const key = `${event.user_id}/${event.video_id}`;
    this.#forget(key);
    const row = this.#draw(state, event);
    const timer = state === "watching" ? setTimeout(() => fade(row, event), SILENT_MS) : 0;
    this.#rows.set(key, { row, timer });
    this.#panel.querySelector("ul").prepend(row);
    this.#panel.querySelector("[data-empty]").hidden = true;
    this.#forgetOldest();
  }

  #forgetOldest() {
    if (this.#rows.size > MAX_ENTRIES) this.#forget(this.#rows.keys().next().value);
  }

  #forget(key) {
    const { row, timer } = this.#rows.get(key) ?? {};
    clearTimeout(timer);
    row?.remove();
    this.#rows.delete(key);
  }

  #draw(state, event) {
    const title = this.#titleOf(event.video_id);
    const place = state === "completed" ? "has seen it all" : `at ${clock(event.position)}`;
    return el(
      "li",
      { className: state },
      el("span", { className: "dot", ariaHidden: "true" }),
      el("span", { className: "who" }, event.user_id),
      el("span", { className: "where" }, `${state === "stopped" ? "stopped " : ""}${place}`),
      title && el("span", { className: "what" }, title),
      el("progress", {
        max: 1,
        value: event.watched_ratio ?? 0,
        ariaLabel: `${percent(event.watched_ratio)} seen`,
      }),
    );
  }
}

function fade(row, { position }) {
  row.classList.add("silent");
  row.querySelector(".where").textContent = `was at ${clock(position)}`;
}
