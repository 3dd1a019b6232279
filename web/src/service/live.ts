// Live events from the server. One event stream for all of a viewer's pages in a browser: six
// connections a host is all that HTTP/1.1 browsers allow, and every open stream would take one away
// from the videos. The page holding a Web Lock reads; a BroadcastChannel carries it to the others.

import { type Channel, lockManager, openChannel } from "../browser/between_pages.ts";
import { ApiError } from "./client.ts";

const TYPES = [
  "video.uploaded",
  "video.processing",
  "video.ready",
  "video.failed",
  "video.updated",
  "video.deleted",
  "playback.started",
  "playback.progress",
  "playback.completed",
  "playback.stopped",
  "enrollment.changed",
  "reset",
];
const FIRST_PAUSE_MS = 2_000;
const MAX_PAUSE_MS = 120_000;

/** The fields that events have; which ones depends on the type (docs/api.md). */
export interface LiveEvent {
  video_id: string;
  course_id: string;
  module_id: string | undefined;
  user_id: string | null;
  occurred_at: string;
  title: string;
  position: number;
  watched_ratio: number;
  session_id: string;
  role: string | null;
}

type Listener = (type: string, event: LiveEvent) => void;
type EventsSource = { openEvents(): Promise<{ events_url: string }>; server?: string };
interface Message {
  type: string;
  data: LiveEvent;
  id: string | null;
}

/** Call `listener` for every event the viewer may see, until the signal or the page goes away. */
export function followEvents(
  service: EventsSource,
  userId: string,
  listener: Listener,
  signal?: AbortSignal,
) {
  void new LiveEvents(service, userId, listener, signal).follow();
}

class LiveEvents {
  #service: EventsSource;
  #name: string;
  #listener: Listener;
  #signal: AbortSignal | undefined;
  #channel: Channel;
  #lastId: string | null = null;
  #failures = 0;

  constructor(service: EventsSource, userId: string, listener: Listener, signal?: AbortSignal) {
    this.#service = service;
    this.#name = `coursestream.events/${service.server ?? location.origin}/${userId}`;
    this.#listener = listener;
    this.#signal = signal;
    this.#channel = openChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
    signal?.addEventListener("abort", () => this.#channel.close());
  }

  async follow() {
    const read = () => this.#readStreams();
    const locks = await lockManager();
    const options = this.#signal ? { signal: this.#signal } : {};
    await (locks ? locks.request(this.#name, options, read) : read()).catch(() => {});
  }

  /** Read one stream after another; returns, giving another page its turn, when signed out. */
  async #readStreams() {
    let hasRead = false;
    while (!this.#signal?.aborted) {
      try {
        const { events_url: url } = await this.#service.openEvents();
        if (hasRead && this.#lastId === null) this.#noteGap();
        hasRead = true;
        await this.#readStream(url);
      } catch (error) {
        const status = error instanceof ApiError ? error.status : 0;
        if (status === 401 || status === 403) return;
      }
      this.#failures += 1;
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    }
  }

  // The browser reconnects by itself until the server refuses: then the grant is spent.
  #readStream(path: string): Promise<void> {
    const url = new URL(path, this.#service.server ?? location.origin);
    if (this.#lastId !== null) url.searchParams.set("last_event_id", this.#lastId);
    const source = new EventSource(url);
    source.onopen = () => {
      this.#failures = 0;
    };
    for (const type of TYPES) source.addEventListener(type, (event) => this.#spread(event));
    return new Promise((resolve) => {
      source.onerror = () => source.readyState === EventSource.CLOSED && resolve();
      this.#signal?.addEventListener("abort", () => {
        source.close();
        resolve();
      });
    });
  }

  // Without an event there is no place to resume from: whatever came meanwhile has been missed.
  #noteGap() {
    const message = { type: "reset", data: {} as LiveEvent, id: null };
    this.#channel.postMessage(message);
    this.#receive(message);
  }

  #spread({ type, data, lastEventId }: MessageEvent<string>) {
    if (this.#signal?.aborted) return;
    const message = { type, data: JSON.parse(data), id: lastEventId };
    this.#channel.postMessage(message);
    this.#receive(message);
  }

  #receive({ type, data, id }: Message) {
    this.#lastId = id;
    this.#listener(type, data);
  }

  get #pauseMs() {
    const doubled = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    return doubled * (0.5 + Math.random());
  }
}
