// The next lesson fetched ahead, so that it begins at once: its terms in the middle of this one, its
// first bytes towards the end. Nothing of it for a viewer who saves data.

import { prefetchedName } from "../browser/stored_names.ts";
import { readJson, tabStore, writeJson } from "../browser/stores.ts";
import type { Terms } from "../service/answers.ts";
import type { Service } from "../service/service.ts";
import type { PlaybackKey } from "./playback.ts";
import { candidates, hasMediaSource } from "./sources.ts";

const TERMS_AT = 0.5;
const BYTES_AT = 0.75;
const FIRST_BYTES = 512 * 1024;
// Older, the place that they name may be left behind on another device.
const MAX_AGE_MS = 10 * 60_000;
// A grant that would end while the first seconds play is of no use.
const LEAST_LEFT_MS = 30_000;

interface Kept {
  terms: Terms;
  atMs: number;
}

/** The terms that the page before has fetched, for one use. */
export function takePrefetched(key: PlaybackKey, nowMs = Date.now()): Terms | null {
  const kept = readJson(tabStore, prefetchedName(key)) as Kept | null;
  tabStore.removeItem(prefetchedName(key));
  if (!kept || nowMs - kept.atMs > MAX_AGE_MS) return null;
  const endsAtMs = Date.parse(kept.terms.media_expires_at ?? kept.terms.expires_at);
  return endsAtMs - nowMs > LEAST_LEFT_MS ? kept.terms : null;
}

/** True if the browser, or the viewer's choice of quality, asks for little data. */
export function savesData(quality: unknown): boolean {
  const { connection } = navigator as { connection?: { saveData?: boolean } };
  return quality === "save" || connection?.saveData === true;
}

export class Prefetch {
  #service: Service;
  #key: PlaybackKey;
  #terms: Promise<Terms> | null = null;
  #hasBytes = false;

  constructor(service: Service, key: PlaybackKey) {
    this.#service = service;
    this.#key = key;
  }

  get videoId() {
    return this.#key.videoId;
  }

  /** Fetch what is due when this share of the lesson before has been played. */
  look(share: number, canPlay: (type: string) => CanPlayTypeResult) {
    if (share >= TERMS_AT) this.#terms ??= this.#fetchTerms();
    if (share < BYTES_AT || this.#hasBytes || !this.#terms) return;
    this.#hasBytes = true;
    // What fails here is met, and explained, when the lesson is opened.
    this.#terms.then((terms) => this.#fetchBytes(terms, canPlay)).catch(() => {});
  }

  async #fetchTerms(): Promise<Terms> {
    const terms = await this.#service.openPlayback(this.#key.videoId);
    writeJson(tabStore, prefetchedName(this.#key), { terms, atMs: Date.now() });
    return terms;
  }

  // Ranges stay in the browser's cache under their addresses, which the next page asks for again.
  async #fetchBytes(terms: Terms, canPlay: (type: string) => CanPlayTypeResult) {
    const [first] = candidates(terms, canPlay, hasMediaSource());
    if (!first) return;
    const url = new URL(first.url, this.#service.server).href;
    const isLadder = first.kind === "hls.js";
    const headers: Record<string, string> = isLadder ? {} : { Range: `bytes=0-${FIRST_BYTES - 1}` };
    const asked = fetch(url, { headers, credentials: "same-origin", priority: "low" });
    await (await asked).arrayBuffer();
  }
}
