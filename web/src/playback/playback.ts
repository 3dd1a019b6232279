// One playback of one video by this page: its grant, its session, its sequence numbers.
// A reload goes on with the session; a grant that has died is replaced once, never in a loop.

import { sessionName } from "../browser/stored_names.ts";
import { readJson, tabStore, writeJson } from "../browser/stores.ts";
import type { Progress, Report, Terms } from "../service/answers.ts";
import { ApiError, send, sendJson } from "../service/client.ts";
import type { Service } from "../service/service.ts";
import { claim } from "./ownership.ts";

/** State that a page needs to continue a session. */
export interface KeptSession {
  session_id: string;
  next_sequence: number;
  /** Where the last report was. */
  position?: number;
}

/** Files on this device, by name. */
export type LocalFiles = ReadonlyMap<string, Blob>;

export interface PlaybackKey {
  userId: string;
  videoId: string;
}

type Keep = (kept: KeptSession, key: PlaybackKey) => void;

export class Playback {
  #service: Pick<Service, "server" | "openPlayback">;
  #key: PlaybackKey;
  #keep: Keep;
  /** The files of a kept lesson, which are read instead of asked for. */
  readonly files: LocalFiles | null = null;
  /** Of a kept lesson, which nobody can be asked about. */
  readonly title: string = "";
  #renewal: Promise<void> | null = null;
  #hasWorked = false;
  #answer: Terms;
  #receivedAtMs = Date.now();
  #nextSequence: number;

  constructor(
    service: Pick<Service, "server" | "openPlayback">,
    key: PlaybackKey,
    answer: Terms,
    nextSequence: number,
    keep: Keep = keepInTab,
  ) {
    this.#service = service;
    this.#key = key;
    this.#answer = answer;
    this.#nextSequence = nextSequence;
    this.#keep = keep;
    this.#save();
  }

  get sessionId() {
    return this.#answer.session_id;
  }

  get videoId() {
    return this.#key.videoId;
  }

  get userId() {
    return this.#key.userId;
  }

  /** What a page needs to go on with this session; null for one that ends here. */
  get kept(): KeptSession | null {
    return { session_id: this.sessionId, next_sequence: this.#nextSequence };
  }

  /** The service's own origin. */
  get server() {
    return this.#service.server;
  }

  get grant() {
    return this.#answer.grant;
  }

  /** The server's answer about the video: sources, thumbnails, resume_position, duration ... */
  get terms(): Terms {
    return this.#answer;
  }

  /** True if the grant has been accepted once. */
  get hasWorked() {
    return this.#hasWorked;
  }

  /**
   * True if media can no longer be had by this machine's clock; false where that clock is wrong,
   * as it is when their time was over before the answer came.
   */
  get isExpired() {
    return this.#endsAtMs > this.#receivedAtMs && Date.now() >= this.#endsAtMs;
  }

  /** How long media can still be had, in milliseconds. */
  get leftMs() {
    return Math.max(0, this.#endsAtMs - Date.now());
  }

  get #endsAtMs() {
    return Date.parse(this.#answer.media_expires_at ?? this.#answer.expires_at);
  }

  /** An address of the answer as the browser has to ask for it. */
  url(path: string): string {
    return new URL(path, this.#service.server).href;
  }

  /** Where a beacon may go; null where there is no such place. */
  get reportUrl(): string | null {
    return this.#reportUrl;
  }

  get #reportUrl() {
    return this.url(`/play/${this.grant}/${this.videoId}/progress`);
  }

  /** The number of the report about a place. */
  takeSequence(position: number) {
    const taken = this.#nextSequence;
    this.#nextSequence += 1;
    this.#save(position);
    return taken;
  }

  skipSequencesBelow(next: number) {
    this.#nextSequence = Math.max(this.#nextSequence, next);
  }

  /** Note that the grant opened something: only then is its end a reason to ask for another. */
  confirm() {
    this.#hasWorked = true;
  }

  /** Replace `deadGrant`, once, however many callers noticed its end. */
  async renew(deadGrant: string): Promise<void> {
    if (deadGrant !== this.grant) return;
    if (!this.#hasWorked)
      throw new ApiError(403, { detail: "The server refuses to play this video." });
    this.#renewal ??= this.#replaceGrant();
    await this.#renewal;
    this.#renewal = null;
  }

  /** Report by the grant's address: it outlives the sign-in. Renews a dead grant once. */
  async report(report: Report): Promise<Progress> {
    const grant = this.grant;
    try {
      return await this.#post(report);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      await this.renew(grant);
      return this.#post(report);
    }
  }

  /** A text that the terms name: captions, chapters. */
  async text(path: string): Promise<string> {
    return (await send("GET", this.url(path), { accept: "text/vtt" })).text();
  }

  async #post(report: Report): Promise<Progress> {
    const answer = await sendJson<Progress>("POST", this.#reportUrl, { body: report });
    this.confirm();
    return answer;
  }

  async #replaceGrant() {
    try {
      this.#answer = await this.#service.openPlayback(this.videoId, this.sessionId);
      this.#receivedAtMs = Date.now();
      this.#hasWorked = false;
    } catch (error) {
      // A refusal is kept, and returned to later callers; an outage is worth another try.
      if (error instanceof ApiError && error.isTemporary) this.#renewal = null;
      throw error;
    }
  }

  #save(position?: number) {
    const kept = { session_id: this.sessionId, next_sequence: this.#nextSequence };
    this.#keep(position === undefined ? kept : { ...kept, position }, this.#key);
  }
}

function keepInTab(kept: KeptSession, key: PlaybackKey) {
  writeJson(tabStore, sessionName(key), kept);
}

/** The session that this tab's last page of the video used, if no other page goes on with it. */
export async function reclaimSession(key: PlaybackKey): Promise<KeptSession | null> {
  const kept = readJson(tabStore, sessionName(key)) as KeptSession | null;
  return kept && (await claim(kept.session_id)) ? kept : null;
}

/**
 * Ask for a grant, going on with the `kept` session where there is one; what was fetched ahead, as
 * `prefetched`, needs no asking.
 */
export async function openPlayback(
  service: Pick<Service, "server" | "openPlayback">,
  key: PlaybackKey,
  kept: KeptSession | null,
  prefetched: Terms | null = null,
): Promise<Playback> {
  const answer =
    (!kept && prefetched) || (await service.openPlayback(key.videoId, kept?.session_id));
  const isSame = answer.session_id === kept?.session_id;
  if (!isSame) void claim(answer.session_id); // new, so nobody else's
  const nextSequence = Math.max(answer.next_sequence, isSame && kept ? kept.next_sequence : 0);
  return new Playback(service, key, answer, nextSequence);
}
