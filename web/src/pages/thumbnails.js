// Pictures that need the token: fetched when they come near the screen, a few at a time.

const AT_ONCE = 4;
const NEAR = "300px";

export class Thumbnails {
  #api;
  #waiting = [];
  #running = 0;
  #observer = new IntersectionObserver((entries) => this.#notice(entries), { rootMargin: NEAR });
  #urls = new WeakMap();

  constructor(api) {
    this.#api = api;
  }

  /** Show the picture at `url` in `image` once it comes near. */
  show(image, url) {
    this.#urls.set(image, url);
    this.#observer.observe(image);
  }

  #notice(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#observer.unobserve(target);
      this.#waiting.push(target);
    }
    this.#next();
  }

  #next() {
    while (this.#running < AT_ONCE && this.#waiting.length) {
      this.#running += 1;
      this.#fetch(this.#waiting.shift()).finally(() => {
        this.#running -= 1;
        this.#next();
      });
    }
  }

  async #fetch(image) {
    if (!image.isConnected) return;
    try {
      const address = URL.createObjectURL(await this.#api.picture(this.#urls.get(image)));
      image.onload = image.onerror = () => URL.revokeObjectURL(address);
      image.src = address;
    } catch {
      // A missing picture is no reason to bother anyone.
    }
  }
}
