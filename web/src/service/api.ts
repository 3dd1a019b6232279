// The API as one viewer of the pages sees it: by the session's cookie, or by the token where the
// browser keeps no cookie.

import type { Course, CourseSummary, Progress, Report, Video } from "./answers.ts";
import { ApiError, send, sendJson } from "./client.ts";

const PAGE_SIZE = 200;
const MAX_PAGES = 25;

// Whoever understands these modules understands WebP; fetch cannot know about AVIF.
const PICTURES = "image/webp, image/*;q=0.8";

export class Api {
  readonly token: string | null;
  #refused: () => void;

  /** `refused` is called when the sign-in has ended, in whatever call that shows. */
  constructor(token: string | null, refused: () => void) {
    this.token = token;
    this.#refused = refused;
  }

  courses(): Promise<CourseSummary[]> {
    return this.#everything("/api/v1/courses");
  }

  course(id: string): Promise<Course> {
    return this.#json("GET", `/api/v1/courses/${encodeURIComponent(id)}`);
  }

  video(id: string): Promise<Video> {
    return this.#json("GET", videoUrl(id));
  }

  report(id: string, report: Report): Promise<Progress> {
    return this.#json("PUT", `${videoUrl(id)}/progress`, report);
  }

  openEvents(): Promise<{ events_url: string }> {
    return this.#json("POST", "/api/v1/events/grant", {});
  }

  async picture(url: string): Promise<Blob> {
    const asked = send("GET", url, { token: this.token, accept: PICTURES });
    return (await this.#noticingRefusal(asked)).blob();
  }

  /** The answer at an address of the API. */
  read<T>(url: string): Promise<T> {
    return this.#json("GET", url);
  }

  /** The table at an address, as CSV. */
  async csv(url: string): Promise<Blob> {
    const asked = send("GET", url, { token: this.token, accept: "text/csv" });
    return (await this.#noticingRefusal(asked)).blob();
  }

  async vtt(url: string): Promise<string> {
    const asked = send("GET", url, { token: this.token, accept: "text/vtt" });
    return (await this.#noticingRefusal(asked)).text();
  }

  #json<T>(method: string, url: string, body?: unknown): Promise<T> {
    return this.#noticingRefusal(sendJson<T>(method, url, { body, token: this.token }));
  }

  #noticingRefusal<T>(answer: Promise<T>): Promise<T> {
    return answer.catch((error) => {
      if (error instanceof ApiError && error.status === 401) this.#refused();
      throw error;
    });
  }

  async #everything<T>(url: string): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const query = new URLSearchParams({ limit: `${PAGE_SIZE}`, ...(cursor && { cursor }) });
      const answer: { items: T[]; next_cursor: string | null } = await this.#json(
        "GET",
        `${url}?${query}`,
      );
      items.push(...answer.items);
      cursor = answer.next_cursor;
      if (!cursor) break;
    }
    return items;
  }
}

function videoUrl(id: string) {
  return `/api/v1/videos/${encodeURIComponent(id)}`;
}
