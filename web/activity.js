// Who is watching what right now, for instructors. Bounded; the newest on top.

import { clock, el, percent } from "./elements.js";

const MAX_ENTRIES = 30;

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
    this.#rows.get(key)?.remove();
    this.#rows.delete(key);
    const row = this.#draw(state, event);
    this.#rows.set(key, row);
    this.#panel.querySelector("ul").prepend(row);
    this.#panel.querySelector("[data-empty]").hidden = true;
    this.#forgetOldest();
  }

  #forgetOldest() {
    if (this.#rows.size <= MAX_ENTRIES) return;
    const [key, row] = this.#rows.entries().next().value;
    row.remove();
    this.#rows.delete(key);
  }

  #draw(state, event) {
    const title = this.#titleOf(event.video_id);
    const place = state === "completed" ? "has seen it all" : `at ${clock(event.position)}`;
    return el("li", { className: state },
      el("span", { className: "dot", ariaHidden: "true" }),
      el("span", { className: "who" }, event.user_id),
      el("span", { className: "where" }, `${state === "stopped" ? "stopped " : ""}${place}`),
      title && el("span", { className: "what" }, title),
      el("progress", { max: 1, value: event.watched_ratio ?? 0, ariaLabel: `${percent(event.watched_ratio)} seen` }),
    );
  }
}
