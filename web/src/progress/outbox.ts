// Progress reports that the server has not acknowledged yet.
// Keeps them over reloads and outages (bounded), sends them in order, and says truthfully how long
// each has waited. Deliberately does not know what a report means, except how to merge two.

import type { Progress, Report } from "../service/answers.ts";
import { ApiError } from "../service/client.ts";
import { tidy, union } from "./intervals.ts";
import { type Entry, type Place, readUnsent, saveLastWords, saveUnsent } from "./unsent.ts";

const MAX_REPORTS = 64;
const MAX_INTERVALS = 256;
const MAX_PAUSE_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;

/** The state after a try: the answer or the refusal, and how many reports wait. */
export interface OutboxState {
  waiting: number;
  answer?: Progress;
  refused?: ApiError;
}

type Post = (report: Report) => Promise<Progress>;

export class Outbox {
  #place: Place;
  #entries: Entry[];
  #post: Post;
  #onState: (state: OutboxState) => void;
  #saving: Promise<void> = Promise.resolve();
  #isSending = false;
  #failures = 0;
  #isOffline = false;
  #wake = () => {};
  #listening = new AbortController();

  /** The outbox of a session, with what earlier pages left in it. */
  static async open(place: Place, post: Post, onState: (state: OutboxState) => void) {
    return new Outbox(place, await readUnsent(place), post, onState);
  }

  private constructor(
    place: Place,
    entries: Entry[],
    post: Post,
    onState: (state: OutboxState) => void,
  ) {
    this.#place = place;
    this.#entries = entries;
    this.#post = post;
    this.#onState = onState;
    // A server that said when to come again meant it, whatever the line does.
    addEventListener("online", () => this.#isOffline && this.#wake(), {
      signal: this.#listening.signal,
    });
  }

  get size() {
    return this.#entries.length;
  }

  /** The first sequence number that no kept report has used. */
  get nextSequence() {
    return Math.max(-1, ...this.#entries.map((entry) => entry.report.sequence)) + 1;
  }

  /** Resolves when everything kept so far is on disk. */
  get saved() {
    return this.#saving;
  }

  /** Keep a report about that time; `flush` or `beacon` sends it. */
  keep(report: Report, madeAtMs = Date.now()) {
    this.#entries.push({ madeAtMs, report });
    while (this.#entries.length > MAX_REPORTS) this.#mergeOldest();
    this.#save();
  }

  /**
   * Hand everything to the browser for delivery after the page is gone; kept until acknowledged.
   * Without an address it is kept alone.
   */
  beacon(url: string | null) {
    saveLastWords({ ...this.#place, entries: this.#entries });
    if (!url) return;
    for (const entry of this.#entries) {
      // Of a safelisted type: a beacon to another origin must not need a preflight.
      const body = new Blob([JSON.stringify(dated(entry))], { type: "text/plain" });
      if (!navigator.sendBeacon(url, body)) return;
    }
  }

  async flush() {
    if (this.#isSending) return;
    this.#isSending = true;
    try {
      for (let first = this.#entries[0]; first; first = this.#entries[0]) {
        const waitMs = await this.#send(first);
        if (waitMs === null) break;
        if (waitMs) await this.#pause(waitMs);
      }
    } finally {
      this.#isSending = false;
    }
  }

  close() {
    this.#listening.abort();
  }

  /** Milliseconds until the next try: 0 after one that is settled, null to stop for good. */
  async #send(entry: Entry): Promise<number | null> {
    try {
      const answer = await this.#post(dated(entry));
      return this.#settle(entry, { answer });
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

  #settle(entry: Entry, state: Partial<OutboxState>): number {
    this.#failures = 0;
    this.#entries = this.#entries.filter((kept) => kept !== entry);
    this.#save();
    this.#onState({ waiting: this.#entries.length, ...state });
    return 0;
  }

  #stop(error: ApiError): null {
    this.#onState({ waiting: this.#entries.length, refused: error });
    return null;
  }

  #pause(ms: number): Promise<void> {
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
    if (!oldest || !next) return;
    const watched = union(oldest.report.watched, next.report.watched);
    const rate = Math.max(oldest.report.rate ?? 0, next.report.rate ?? 0);
    const report = { ...next.report, watched: tidy(watched, Infinity, MAX_INTERVALS) };
    this.#entries.unshift({ ...next, report: rate ? { ...report, rate } : report });
  }

  // One after the other, each with what is kept by then; the reports are in memory, too.
  #save() {
    const save = () => saveUnsent({ ...this.#place, entries: [...this.#entries] });
    this.#saving = this.#saving.then(save).catch(() => {});
  }
}

/** A kept report as it is sent now: with how long it has waited. */
export function dated({ madeAtMs, report }: Entry): Report {
  const waitedS = Math.max(0, (Date.now() - madeAtMs) / 1000);
  return { ...report, delayed_s: Math.round(waitedS * 1000) / 1000 };
}

/** How long to wait after so many failures, no less than the server said. */
export function pauseMs(failures: number, retryAfterS: number): number {
  const doubled = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
  // Spread out: after an outage a whole lecture hall comes back at once.
  return Math.max(retryAfterS * 1000, doubled) * (1 + Math.random() / 4);
}
