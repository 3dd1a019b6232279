// The calls of one viewer to one server that a player makes. The token comes from whoever embeds
// the player: it is asked for again once when the server refuses it. On the service's own pages the
// session's cookie stands for it.

import type { LicenceAnswer, Progress, Report, Terms, Video } from "./answers.ts";
import { userOf } from "./claims.ts";
import { ApiError, send, sendJson } from "./client.ts";
import { videoUrl } from "./urls.ts";

/** Gives a bearer token; `isRefused` when the last one has been refused. */
export type TokenSource = (isRefused: boolean) => Promise<string | null> | string | null;

export class Service {
  readonly server: string;
  #ask: TokenSource;
  #sessionUser: string | null;
  #token: string | null = null;

  /** `server` is an origin, as `https://video.example.org`; `sessionUser` is whose session counts. */
  constructor(server: string, ask: TokenSource, sessionUser: string | null = null) {
    this.server = server;
    this.#ask = ask;
    this.#sessionUser = sessionUser;
  }

  /** The viewer's user id, once there is a token. */
  async userId(): Promise<string> {
    return this.#sessionUser ?? userOf(await this.#currentToken());
  }

  openPlayback(videoId: string, sessionId?: string): Promise<Terms> {
    const body = sessionId ? { session_id: sessionId } : {};
    return this.#json("POST", `${videoUrl(videoId)}/playback`, body);
  }

  openEvents(): Promise<{ events_url: string }> {
    return this.#json("POST", "/api/v1/events/grant", {});
  }

  video(videoId: string): Promise<Video> {
    return this.#json("GET", videoUrl(videoId));
  }

  progress(videoId: string): Promise<Progress> {
    return this.#json("GET", `${videoUrl(videoId)}/progress`);
  }

  report(videoId: string, report: Report): Promise<Progress> {
    return this.#json("PUT", `${videoUrl(videoId)}/progress`, report);
  }

  /** A licence to keep a lesson on this device; `height` null for the sound alone. */
  keepOffline(
    videoId: string,
    wish: { height: number | null; captions: string[] },
  ): Promise<LicenceAnswer> {
    return this.#json("POST", `${videoUrl(videoId)}/offline`, wish);
  }

  renewOffline(renewUrl: string, licence: string): Promise<LicenceAnswer> {
    return this.#json("POST", renewUrl, { licence });
  }

  /** The public keys by which what the service signs can be verified. */
  async keys(): Promise<JsonWebKey[]> {
    const url = new URL("/.well-known/jwks.json", this.server).href;
    return (await sendJson<{ keys: JsonWebKey[] }>("GET", url)).keys;
  }

  /** Whether the server answers at all. */
  isReachable(): Promise<boolean> {
    const url = new URL("/healthz", this.server).href;
    return send("GET", url, { accept: "*/*" }).then(
      () => true,
      (error) => error instanceof ApiError && error.status !== 0 && error.status < 500,
    );
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const url = new URL(path, this.server).href;
    if (this.#sessionUser !== null) return sendJson<T>(method, url, { body });
    const token = await this.#currentToken();
    try {
      return await sendJson<T>(method, url, { body, token });
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401;
      const next = isRefused ? await this.#nextToken(token) : null;
      if (!next) throw error;
      return sendJson<T>(method, url, { body, token: next });
    }
  }

  async #currentToken(): Promise<string> {
    this.#token ??= await this.#ask(false);
    if (!this.#token) throw new ApiError(401, { code: "invalid-token", detail: "Please sign in." });
    return this.#token;
  }

  /** Another token than the refused one; null when there is none. */
  async #nextToken(refused: string): Promise<string | null> {
    if (this.#token === refused) this.#token = await this.#ask(true);
    return this.#token === refused ? null : this.#token;
  }
}
