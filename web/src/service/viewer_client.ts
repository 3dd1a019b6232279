// Requests of one viewer of the pages: by the session's cookie, or by the token where the browser
// keeps no cookie. Notices in each of them when the sign-in has ended.

import { ApiError, type SendOptions, send, sendJson } from "./client.ts";

const PAGE_SIZE = 200;

// Whoever understands these modules understands WebP; fetch cannot know about AVIF.
const PICTURES = "image/webp, image/*;q=0.8";

interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export class ViewerClient {
  readonly token: string | null;
  #refused: () => void;

  /** `refused` is called when the sign-in has ended, in whatever call that shows. */
  constructor(token: string | null, refused: () => void) {
    this.token = token;
    this.#refused = refused;
  }

  openEvents(): Promise<{ events_url: string }> {
    return this.json("POST", "/api/v1/events/grant", { body: {} });
  }

  async picture(url: string): Promise<Blob> {
    return (await this.send("GET", url, { accept: PICTURES })).blob();
  }

  /** The pages of a list, at most so many. */
  protected async *pages<T>(url: string, most: number): AsyncGenerator<T[]> {
    let cursor: string | null = null;
    for (let page = 0; page < most; page += 1) {
      const query = new URLSearchParams({ limit: `${PAGE_SIZE}`, ...(cursor && { cursor }) });
      const answer: Page<T> = await this.json("GET", `${url}?${query}`);
      yield answer.items;
      cursor = answer.next_cursor;
      if (!cursor) return;
    }
  }

  /** The items of all pages. */
  protected async everything<T>(url: string, most: number): Promise<T[]> {
    const items: T[] = [];
    for await (const page of this.pages<T>(url, most)) items.push(...page);
    return items;
  }

  protected json<T>(method: string, url: string, options: SendOptions = {}): Promise<T> {
    return this.#noticing(sendJson<T>(method, url, { ...options, token: this.token }));
  }

  protected send(method: string, url: string, options: SendOptions = {}): Promise<Response> {
    return this.#noticing(send(method, url, { ...options, token: this.token }));
  }

  #noticing<T>(answer: Promise<T>): Promise<T> {
    return answer.catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 401) this.#refused();
      throw error;
    });
  }
}
