// Pictures of lessons. They need the viewer's session: its cookie goes with them by itself. Where the
// browser keeps none, they are fetched with the token, a few at a time as they come near the screen.

import { useEffect, useRef } from "preact/hooks";
import { clock } from "../browser/elements.ts";
import { Icon } from "../design/icons.tsx";
import type { Video } from "../service/answers.ts";
import type { Api } from "../service/api.ts";

const AT_ONCE = 4;
const NEAR = "300px";

export type PictureSize = "small" | "medium" | "large";

interface PictureProps {
  video: Pick<Video, "thumbnails" | "duration">;
  api: Api;
  size?: PictureSize;
}

/** A decoration: whatever it shows stands beside it in words. */
export function Picture({ video, api, size = "medium" }: PictureProps) {
  const url = video.thumbnails?.[size] ?? Object.values(video.thumbnails ?? {})[0];
  return (
    <span class="picture" aria-hidden="true">
      {url ? <Image url={url} api={api} /> : <Icon name="film" />}
      {video.duration !== null && <span class="picture__length">{clock(video.duration)}</span>}
    </span>
  );
}

function Image({ url, api }: { url: string; api: Api }) {
  const image = useRef<HTMLImageElement>(null);
  const { token } = api;
  useEffect(() => {
    if (token && image.current) return fetched.show(image.current, url, api);
  }, [url, token, api]);
  return token ? (
    <img ref={image} alt="" />
  ) : (
    <img ref={image} alt="" src={url} loading="lazy" decoding="async" />
  );
}

class FetchedPictures {
  #waiting: HTMLImageElement[] = [];
  #running = 0;
  #wanted = new WeakMap<Element, { url: string; api: Api }>();
  #observer = new IntersectionObserver((entries) => this.#notice(entries), { rootMargin: NEAR });

  /** Show the picture at `url` in `image` once it comes near; returns what stops that. */
  show(image: HTMLImageElement, url: string, api: Api): () => void {
    this.#wanted.set(image, { url, api });
    this.#observer.observe(image);
    return () => {
      this.#wanted.delete(image);
      this.#observer.unobserve(image);
    };
  }

  #notice(entries: IntersectionObserverEntry[]) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#observer.unobserve(target);
      this.#waiting.push(target as HTMLImageElement);
    }
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE) {
      const image = this.#waiting.shift();
      if (!image) return;
      this.#running += 1;
      void this.#fetch(image).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #fetch(image: HTMLImageElement) {
    const wanted = this.#wanted.get(image);
    if (!wanted) return;
    try {
      const address = URL.createObjectURL(await wanted.api.picture(wanted.url));
      image.onload = image.onerror = () => URL.revokeObjectURL(address);
      image.src = address;
    } catch {
      // A missing picture is no reason to bother anyone.
    }
  }
}

const fetched = new FetchedPictures();
