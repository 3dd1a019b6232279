// Progress reports that the server has not acknowledged yet.
// Keeps them over reloads and outages (bounded), sends them in order, and says truthfully how long
// each has waited. Deliberately does not know what a report means, except how to merge two.

import { ApiError } from "./api.js";
import { tidy, union } from "./intervals.js";
import { ifUnowned } from "./ownership.js";
import { browserStore } from "./stores.js";

const PREFIX = "coursestream.unsent/";
const MAX_REPORTS = 64;
const MAX_INTERVALS = 256;
const MAX_WAIT_S = 30 * 24 * 3600;
const MAX_PAUSE_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
// For a queue of leftovers that exceeds the limit on reports; after that many refusals it stops.
const MAX_TRIES = 10;

export class Outbox {
  #key;
  #place;
  #entries;
  #post;
  #onState;
  #isSending = false;
  #failures = 0;
  #isOffline = false;
  #wake = () => {};

  /**
   * `post(report)` resolves with the server's answer. `onState({answer, waiting, refused})` is told
   * after each try. The place is { userId, videoId, sessionId }.
   */
  constructor(place, post, onState) {
    this.#place = place;
    this.#key = `${PREFIX}${place.userId}/${place.videoId}/${place.sessionId}`;
    this.#entries = readEntries(this.#key);
    this.#post = post;
    this.#onState = onState;
    // A server that said when to come again meant it, whatever the line does.
    addEventListener("online", () => this.#isOffline && this.#wake());
  }

  get size() {
    return this.#entries.length;
  }

  /** The first sequence number that no kept report has used. */
  get nextSequence() {
    return Math.max(-1, ...this.#entries.map((entry) => entry.report.sequence)) + 1;
  }

  /** Keep a report; `flush` or `beacon` sends it. */
  keep(report) {
    this.#entries.push({ madeAtMs: Date.now(), report });
    while (this.#entries.length > MAX_REPORTS) this.#mergeOldest();
    this.#save();
  }

  /** Hand everything to the browser for delivery after the page is gone; kept until acknowledged. */
  beacon(url) {
    for (const entry of this.#entries) {
      const body = new Blob([JSON.stringify(dated(entry))], { type: "application/json" });
      if (!navigator.sendBeacon(url, body)) return;
    }
  }

  async flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      while (this.#entries.length) {
        const waitMs = await this.#sendFirst();
        if (waitMs === null) break;
        if (waitMs) await this.#pause(waitMs);
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** Milliseconds until the next try: 0 after one that is settled, null to stop for good. */
  async #sendFirst() {
    const entry = this.#entries[0];
    try {
      const answer = await this.#post(dated(entry));
      this.#settle(entry, { answer });
      return 0;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return this.#stop(error);
      if (!error.isTemporary) return this.#settle(entry, { refused: error });
      this.#failures += 1;
      this.#onState({ waiting: this.#entries.length });
      this.#isOffline = error.status === 0;
      return pauseMs(this.#failures, error.retryAfterS);
    }
  }

  #settle(entry, state) {
    this.#failures = 0;
    this.#entries = this.#entries.filter((kept) => kept !== entry);
    this.#save();
    this.#onState({ waiting: this.#entries.length, ...state });
    return 0;
  }

  #stop(error) {
    this.#onState({ waiting: this.#entries.length, refused: error });
    return null;
  }

  #pause(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  // The oldest place is worth least; its watched seconds, and the rate at which they were
  // played, are worth as much as any.
  #mergeOldest() {
    const [oldest, next] = this.#entries.splice(0, 2);
    const watched = union(oldest.report.watched, next.report.watched);
    const rate = Math.max(oldest.report.rate ?? 0, next.report.rate ?? 0) || undefined;
    const report = { ...next.report, rate, watched: tidy(watched, Infinity, MAX_INTERVALS) };
    this.#entries.unshift({ ...next, report });
  }

  #save() {
    const { videoId, sessionId } = this.#place;
    writeEntries(this.#key, { videoId, sessionId, entries: this.#entries });
  }
}

/** Send what earlier pages of this viewer could not, unless another page still owns it. */
export async function deliverLeftovers(userId, report, mySessionId = null) {
  for (const key of storedKeys(`${PREFIX}${userId}/`)) {
    const kept = JSON.parse(browserStore.getItem(key));
    if (kept?.sessionId === mySessionId) await deliver(key, kept, report);
    else if (kept) await ifUnowned(kept.sessionId, () => deliver(key, kept, report));
  }
}

async function deliver(key, kept, report) {
  let tries = 0;
  while (kept.entries.length) {
    try {
      await report(kept.videoId, dated(kept.entries[0]));
    } catch (error) {
      tries += 1;
      if (error.status === 429 && tries < MAX_TRIES) {
        await sleep(pauseMs(1, error.retryAfterS));
        continue;
      }
      if (error.status === 401 || error.isTemporary) return;
    }
    tries = 0;
    kept.entries.shift();
    writeEntries(key, kept);
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function dated({ madeAtMs, report }) {
  const waitedS = Math.max(0, (Date.now() - madeAtMs) / 1000);
  return { ...report, delayed_s: Math.round(waitedS * 1000) / 1000 };
}

function pauseMs(failures, retryAfterS) {
  const doubled = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  // Spread out: after an outage a whole lecture hall comes back at once.
  return Math.max(retryAfterS * 1000, doubled) * (1 + Math.random() / 4);
}

function storedKeys(prefix) {
  const keys = Array.from({ length: browserStore.length }, (_, i) => browserStore.key(i));
  return keys.filter((key) => key.startsWith(prefix));
}

function readEntries(key) {
  const kept = JSON.parse(browserStore.getItem(key) ?? '{"entries":[]}');
  const oldestMs = Date.now() - MAX_WAIT_S * 1000;
  return kept.entries.filter((entry) => entry.madeAtMs > oldestMs);
}

function writeEntries(key, kept) {
  try {
    if (kept.entries.length) browserStore.setItem(key, JSON.stringify(kept));
    else browserStore.removeItem(key);
  } catch {
    // A full or forbidden store: the reports are still in memory.
  }
}
