import { beforeEach, describe, expect, it, vi } from "vitest";
import { Preview } from "../../src/studio/video/preview.ts";

vi.mock("../../src/element/course-video.ts", () => ({}));

/** What a preview asks of its player; while it loads it is at 0, as the browser's is. */
class Player extends EventTarget {
  plays = 0;
  isLoading = false;
  #place = 0;

  get currentTime() {
    return this.#place;
  }
  set currentTime(seconds: number) {
    if (!this.isLoading) this.#place = seconds;
    this.dispatchEvent(new Event("seeked"));
  }
  load() {
    this.#place = 0;
    this.isLoading = true;
    this.dispatchEvent(new Event("timeupdate"));
  }
  arrive() {
    this.isLoading = false;
    this.dispatchEvent(new Event("course-ready"));
  }
  play() {
    if (!this.isLoading) this.plays += 1;
  }
  pause() {}
}

describe("a preview that loads again", () => {
  let player: Player;
  let preview: Preview;

  beforeEach(() => {
    player = new Player();
    vi.stubGlobal("document", { createElement: () => player });
    preview = new Preview("v1", "tess", "token");
    preview.seek(12);
    preview.reload();
  });

  it("goes on where it was", () => {
    player.arrive();
    expect([player.currentTime, preview.time.value, player.plays]).toEqual([12, 12, 0]);
  });

  it("goes where it was sent meanwhile", () => {
    preview.seek(30);
    player.arrive();
    expect(player.currentTime).toBe(30);
  });

  it("plays what it was told to play meanwhile", () => {
    preview.play(4, 6);
    player.arrive();
    expect([player.currentTime, player.plays]).toEqual([4, 1]);
  });

  it("keeps the place when it loads twice", () => {
    preview.reload();
    player.arrive();
    preview.seek(3);
    player.arrive();
    expect(player.currentTime).toBe(3);
  });

  it("says its place again once it is ready", () => {
    expect(preview.time.value).toBe(12);
    player.arrive();
    preview.seek(20);
    expect(preview.time.value).toBe(20);
  });
});
