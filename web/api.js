// Calls to the service. Turns problem details into ApiError; never retries by itself.

import { retireToken } from "./identity.js";

const TIMEOUT_MS = 20_000;
const PAGE_SIZE = 200;
const MAX_PAGES = 25;

export class ApiError extends Error {
  constructor(status, { code = "", detail = "", reference = "", retryAfterS = 0 } = {}) {
    super(detail || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    Object.assign(this, { status, code, reference, retryAfterS });
  }

  /** True if the same request may succeed later: the network, a limit or the server's own fault. */
  get isTemporary() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** The ApiError for a body of problem details. */
export function readProblem(status, text, retryAfter) {
  let problem = {};
  try {
    problem = JSON.parse(text) ?? {};
  } catch {
    // A proxy's page, or no body: the status alone has to do.
  }
  return new ApiError(status, {
    code: String(problem.type ?? "").replace("urn:coursestream:", ""),
    detail: problem.detail || problem.title,
    reference: problem.instance,
    retryAfterS: readRetryAfter(retryAfter),
  });
}

function readRetryAfter(text) {
  if (!text) return 0;
  const seconds = /^\d+$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}

/** The parsed JSON response; a body that is no JSON (a login page on the way) is an error. */
export async function sendJson(method, url, options) {
  const response = await send(method, url, options);
  try {
    return await response.json();
  } catch (cause) {
    throw Object.assign(new ApiError(0), { cause });
  }
}

/**
 * The response to a request, with JSON and the token where given. Throws ApiError unless 2xx, or
 * a redirect that is not to be followed.
 */
export async function send(
  method,
  url,
  { body, token, accept = "application/json", redirect = "follow" } = {},
) {
  const headers = { Accept: accept };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
      credentials: "omit",
      redirect,
      // Reports and lists are never worth a stale copy.
      cache: accept === "application/json" ? "no-store" : "default",
    });
  } catch (cause) {
    throw Object.assign(new ApiError(0), { cause });
  }
  if (!response.ok && response.type !== "opaqueredirect") {
    throw readProblem(response.status, await response.text(), response.headers.get("Retry-After"));
  }
  return response;
}

// Whoever understands these modules understands WebP; fetch cannot know about AVIF.
const PICTURES = "image/webp, image/*;q=0.8";

/** The API as one viewer sees it. */
export class Api {
  #token;

  constructor(identity) {
    this.#token = identity.token;
  }

  courses() {
    return this.#everything("/api/v1/courses");
  }

  course(id) {
    return this.#json("GET", `/api/v1/courses/${encodeURIComponent(id)}`);
  }

  video(id) {
    return this.#json("GET", videoUrl(id));
  }

  report(id, report) {
    return this.#json("PUT", `${videoUrl(id)}/progress`, report);
  }

  progress(id) {
    return this.#json("GET", `${videoUrl(id)}/progress`);
  }

  openPlayback(id, sessionId) {
    return this.#json(
      "POST",
      `${videoUrl(id)}/playback`,
      sessionId ? { session_id: sessionId } : {},
    );
  }

  openEvents() {
    return this.#json("POST", "/api/v1/events/grant", {});
  }

  async picture(url) {
    const asked = send("GET", url, { token: this.#token, accept: PICTURES });
    return (await this.#noticingRefusal(asked)).blob();
  }

  /** Authorize a request that fetch cannot make (uploads show their progress by XMLHttpRequest). */
  authorize(request) {
    request.setRequestHeader("Authorization", `Bearer ${this.#token}`);
    request.addEventListener("load", () => request.status === 401 && retireToken(this.#token));
  }

  #json(method, url, body) {
    return this.#noticingRefusal(sendJson(method, url, { body, token: this.#token }));
  }

  // Whoever asked, in whatever page: nobody is to be offered a dead token.
  #noticingRefusal(answer) {
    return answer.catch((error) => {
      if (error.status === 401) retireToken(this.#token);
      throw error;
    });
  }

  async #everything(url) {
    const items = [];
    let cursor = null;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = new URLSearchParams({ limit: PAGE_SIZE, ...(cursor && { cursor }) });
      const answer = await this.#json("GET", `${url}?${query}`);
      items.push(...answer.items);
      cursor = answer.next_cursor;
      if (!cursor) break;
    }
    return items;
  }
}

function videoUrl(id) {
  return `/api/v1/videos/${encodeURIComponent(id)}`;
}
