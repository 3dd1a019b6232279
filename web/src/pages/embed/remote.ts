// The player.js protocol (embed.ly's specification, version 0.0.11): JSON text by postMessage, so that
// the page around a frame plays, seeks and listens without knowing this player.

import type { CourseVideoElement, CourseVideoEvents } from "../../element/course-video.ts";

const CONTEXT = "player.js";
const VERSION = "0.0.11";

interface Message {
  context?: unknown;
  method?: unknown;
  value?: unknown;
  listener?: unknown;
}

type Method = (player: CourseVideoElement, value: unknown) => unknown;

const amount = (value: unknown) =>
  typeof value === "number" && Number.isFinite(value) ? value : 0;

const METHODS: Record<string, Method> = {
  play: (player) => void player.play().catch(() => {}),
  pause: (player) => player.pause(),
  getPaused: (player) => player.paused,
  mute: (player) => {
    player.muted = true;
  },
  unmute: (player) => {
    player.muted = false;
  },
  getMuted: (player) => player.muted,
  setVolume: (player, value) => {
    player.volume = amount(value) / 100;
  },
  getVolume: (player) => player.volume * 100,
  getDuration: (player) => player.duration || 0,
  setCurrentTime: (player, value) => {
    player.currentTime = amount(value);
  },
  getCurrentTime: (player) => player.currentTime,
  setPlaybackRate: (player, value) => {
    player.playbackRate = Math.min(2, Math.max(0.5, amount(value)));
  },
  getPlaybackRate: (player) => player.playbackRate,
  setLoop: (player, value) => {
    player.media.loop = value === true;
  },
  getLoop: (player) => player.media.loop,
};

/** Our events by the names of player.js, with the value that each carries. */
const EVENTS: Record<
  string,
  [type: string, value: (player: CourseVideoElement, event: Event) => unknown]
> = {
  play: ["play", () => undefined],
  pause: ["pause", () => undefined],
  ended: ["ended", () => undefined],
  seeked: ["seeked", () => undefined],
  timeupdate: [
    "timeupdate",
    (player) => ({ seconds: player.currentTime, duration: player.duration || 0 }),
  ],
  progress: ["progress", (player) => ({ percent: bufferedShare(player) })],
  error: [
    "course-error",
    (_, event) => (event as CustomEvent<CourseVideoEvents["course-error"]>).detail,
  ],
  courseprogress: [
    "course-progress",
    (_, event) => (event as CustomEvent<CourseVideoEvents["course-progress"]>).detail,
  ],
};

export class Remote {
  #player: CourseVideoElement;
  #parent: Window;
  #origin = "*";
  #listeners: { event: string; listener: string | undefined }[] = [];
  onToken: (token: string) => void = () => {};

  constructor(player: CourseVideoElement, parent: Window) {
    this.#player = player;
    this.#parent = parent;
  }

  listen() {
    addEventListener("message", (event) => this.#hear(event));
    for (const [name, [type, read]] of Object.entries(EVENTS))
      this.#player.addEventListener(type, (event) => this.#tell(name, read(this.#player, event)));
    this.#player.addEventListener("course-ready", () => this.#ready(), { once: true });
  }

  /** Tell the page around, whether it listens or not. */
  emit(event: string, value?: unknown, listener?: string) {
    if (this.#parent === window) return;
    const said = { context: CONTEXT, version: VERSION, event, value, listener };
    // Until the page around has spoken, only the policy of frames says who it is.
    this.#parent.postMessage(JSON.stringify(said), this.#origin);
  }

  #ready() {
    this.emit("ready", {
      src: location.origin + location.pathname,
      events: ["ready", ...Object.keys(EVENTS)],
      methods: ["addEventListener", "removeEventListener", "setToken", ...Object.keys(METHODS)],
    });
  }

  #tell(event: string, value: unknown) {
    for (const one of this.#listeners)
      if (one.event === event) this.emit(event, value, one.listener);
  }

  #hear({ source, origin, data }: MessageEvent) {
    const message = source === this.#parent && typeof data === "string" ? parseMessage(data) : null;
    if (message?.context !== CONTEXT || typeof message.method !== "string") return;
    this.#origin = origin;
    const listener = typeof message.listener === "string" ? message.listener : undefined;
    const { method, value } = message;
    if (method === "addEventListener") return this.#add(String(value), listener);
    if (method === "removeEventListener") return this.#remove(String(value), listener);
    if (method === "setToken") return this.onToken(String(value));
    const act = Object.hasOwn(METHODS, method) ? METHODS[method] : undefined;
    const answer = act?.(this.#player, value);
    if (method.startsWith("get") && act) this.emit(method, answer, listener);
  }

  #add(event: string, listener: string | undefined) {
    // A frame that is ready already says so to whoever asks late.
    if (event === "ready" && this.#player.readyState > 0) return this.#ready();
    this.#listeners.push({ event, listener });
  }

  #remove(event: string, listener: string | undefined) {
    this.#listeners = this.#listeners.filter(
      (one) => one.event !== event || (listener !== undefined && one.listener !== listener),
    );
  }
}

function parseMessage(text: string): Message | null {
  try {
    const message = JSON.parse(text);
    return typeof message === "object" ? message : null;
  } catch {
    return null;
  }
}

function bufferedShare({ buffered, duration }: CourseVideoElement): number {
  return buffered.length && duration ? buffered.end(buffered.length - 1) / duration : 0;
}
