// One playback of one video by this page: its grant, its session, its sequence numbers.
// A reload goes on with the session; a grant that has died is replaced once, never in a loop.

import { ApiError, sendJson } from "./api.js";
import { claim } from "./ownership.js";
import { tabStore } from "./stores.js";

export class Playback {
  #api;
  #key;
  #renewal = null;
  #hasWorked = false;
  #answer;
  #nextSequence;

  constructor(api, key, answer, nextSequence) {
    this.#api = api;
    this.#key = key;
    this.#answer = answer;
    this.#nextSequence = nextSequence;
    this.#save();
  }

  get sessionId() {
    return this.#answer.session_id;
  }

  /** State that a page needs to continue this session. */
  get kept() {
    return { session_id: this.sessionId, next_sequence: this.#nextSequence };
  }

  get grant() {
    return this.#answer.grant;
  }

  /** The server's answer about the video: sources, thumbnails, resume_position, duration ... */
  get terms() {
    return this.#answer;
  }

  /** True if the grant has been accepted once. */
  get hasWorked() {
    return this.#hasWorked;
  }

  reportUrl(videoId) {
    return `/play/${this.grant}/${videoId}/progress`;
  }

  takeSequence() {
    const taken = this.#nextSequence;
    this.#nextSequence += 1;
    this.#save();
    return taken;
  }

  skipSequencesBelow(next) {
    this.#nextSequence = Math.max(this.#nextSequence, next);
  }

  /** Note that the grant opened something: only then is its end a reason to ask for another. */
  confirm() {
    this.#hasWorked = true;
  }

  /** Replace `deadGrant`, once, however many callers noticed its end. */
  async renew(deadGrant) {
    if (deadGrant !== this.grant) return;
    if (!this.#hasWorked)
      throw new ApiError(403, { detail: "The server refuses to play this video." });
    this.#renewal ??= this.#replaceGrant();
    await this.#renewal;
    this.#renewal = null;
  }

  /** Report by the grant's address: it outlives the sign-in. Renews a dead grant once. */
  async report(videoId, report) {
    const grant = this.grant;
    try {
      return await this.#post(videoId, report);
    } catch (error) {
      if (error.status !== 401) throw error;
      await this.renew(grant);
      return this.#post(videoId, report);
    }
  }

  async #post(videoId, report) {
    const answer = await sendJson("POST", this.reportUrl(videoId), { body: report });
    this.confirm();
    return answer;
  }

  async #replaceGrant() {
    try {
      this.#answer = await this.#api.openPlayback(this.#key.videoId, this.sessionId);
      this.#hasWorked = false;
    } catch (error) {
      // A refusal is kept, and returned to later callers; an outage is worth another try.
      if (error.isTemporary) this.#renewal = null;
      throw error;
    }
  }

  #save() {
    tabStore.setItem(storageKey(this.#key), JSON.stringify(this.kept));
  }
}

/** The session that this tab's last page of the video used, if no other page goes on with it. */
export async function reclaimSession(key) {
  const kept = JSON.parse(tabStore.getItem(storageKey(key)) ?? "null");
  return kept && (await claim(kept.session_id)) ? kept : null;
}

/** Ask for a grant, going on with the `kept` session where there is one. */
export async function openPlayback(api, key, kept) {
  const answer = await api.openPlayback(key.videoId, kept?.session_id);
  const isSame = answer.session_id === kept?.session_id;
  if (!isSame) await claim(answer.session_id);
  const nextSequence = Math.max(answer.next_sequence, isSame ? kept.next_sequence : 0);
  return new Playback(api, key, answer, nextSequence);
}

function storageKey({ userId, videoId }) {
  return `coursestream.playback/${userId}/${videoId}`;
}
