// Calls of the pages to their own service.

import { send, sendJson } from "../service/client.ts";
import { retireToken } from "./identity.js";

const PAGE_SIZE = 200;
const MAX_PAGES = 25;

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
