// Live events from the server. One event stream for all of a viewer's pages in a browser: six
// connections a host is all that HTTP/1.1 browsers allow, and every open stream would take one away
// from the videos. The page holding a Web Lock reads; a BroadcastChannel carries it to the others.

import { lockManager, openChannel } from "./between_pages.js";

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

/** Call `listener(type, data)` for every event the viewer may see, until the page goes away. */
export function followEvents(api, userId, listener) {
  new LiveEvents(api, userId, listener).follow();
}

class LiveEvents {
  #api;
  #name;
  #listener;
  #channel;
  #lastId = null;
  #failures = 0;

  constructor(api, userId, listener) {
    this.#api = api;
    this.#name = `coursestream.events/${userId}`;
    this.#listener = listener;
    this.#channel = openChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#receive(data);
  }

  async follow() {
    const read = () => this.#readStreams();
    const locks = await lockManager();
    await (locks ? locks.request(this.#name, read) : read());
  }

  /** Read one stream after another; returns, giving another page its turn, when signed out. */
  async #readStreams() {
    for (;;) {
      try {
        const { events_url: url } = await this.#api.openEvents();
        await this.#readStream(url);
      } catch (error) {
        if (error.status === 401 || error.status === 403) return;
      }
      this.#failures += 1;
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
    }
  }

  // The browser reconnects by itself until the server refuses: then the grant is spent.
  #readStream(url) {
    const query = this.#lastId === null ? "" : `?last_event_id=${encodeURIComponent(this.#lastId)}`;
    const source = new EventSource(url + query);
    source.onopen = () => (this.#failures = 0);
    for (const type of TYPES) source.addEventListener(type, (event) => this.#spread(event));
    return new Promise((resolve) => {
      source.onerror = () => source.readyState === EventSource.CLOSED && resolve();
    });
  }

  #spread({ type, data, lastEventId }) {
    const message = { type, data: JSON.parse(data), id: lastEventId };
    this.#channel.postMessage(message);
    this.#receive(message);
  }

  #receive({ type, data, id }) {
    this.#lastId = id;
    this.#listener(type, data);
  }

  get #pauseMs() {
    const doubled = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.#failures - 1));
    return doubled * (0.5 + Math.random());
  }
}
