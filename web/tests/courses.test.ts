import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Activity } from "../src/courses/activity.tsx";
import { describe as describeLesson, standingOf } from "../src/courses/lesson_state.ts";
import { Outline } from "../src/courses/outline.ts";
import { find, lessonToResume, progressOf } from "../src/pages/home/search.ts";
import type { Lesson, Progress } from "../src/service/answers.ts";
import type { LiveEvent } from "../src/service/live.ts";

type Seen = Partial<Progress> | null;

function lesson(id: string, progress: Seen = null, more: Partial<Lesson> = {}): Lesson {
  return {
    id,
    course_id: "c",
    module_id: "m",
    position: null,
    title: id,
    status: "ready",
    failure: null,
    processing_ratio: 1,
    duration: 30,
    thumbnails: {},
    created_at: "2026-01-01T00:00:00Z",
    progress: progress as Progress | null,
    ...more,
  };
}

function course(title: string, ...videos: Lesson[]): Outline {
  const modules = [{ id: "m", title: "M", position: 1, videos }];
  return new Outline({ id: title, title, role: "student", modules }, "ada");
}

const event = (fields: object) => fields as unknown as LiveEvent;

describe("a lesson", () => {
  // The place that a list names is the place where playing begins.
  it.each([
    [null, "fresh", "Not started"],
    [{ watched_ratio: 0.5, position: 15 }, "active", "50% seen, at 0:15"],
    [{ watched_ratio: 0.5, position: 27.9 }, "active", "50% seen, at 0:27"], // just early enough
    [{ watched_ratio: 0.56, position: 28 }, "active", "56% seen"], // too late to resume
    [{ watched_ratio: 0.1, position: 0.4 }, "active", "10% seen"],
    [{ watched_ratio: 0, position: 5 }, "active", "0% seen, at 0:05"],
    [{ watched_ratio: 0.95, position: 0, completed: true }, "done", "Completed"],
  ])("with the progress %j is %s: %s", (progress, standing, said) => {
    const seen = lesson("v", progress);
    expect([standingOf(seen), describeLesson(seen)]).toEqual([standing, said]);
  });

  it("that is prepared says how far, one that failed says why", () => {
    const preparing = lesson("v", null, { status: "processing", processing_ratio: 0.4 });
    const failed = (code: string) =>
      lesson("v", null, { status: "failed", failure: { code, detail: "Said by the server." } });
    expect([preparing, failed("no-video"), failed("newer")].map(describeLesson)).toEqual([
      "Being prepared, 40%",
      "The file holds sound alone. Export it with a picture.",
      "Said by the server.",
    ]);
  });
});

describe("an outline", () => {
  const seen = { position: 1, watched_ratio: 0.1, completed: false };
  const open = () =>
    course("C", lesson("a", seen), lesson("b", seen, { created_at: "2026-01-02T00:00:00.5Z" }));
  const ids = (outline: Outline) => outline.videos.map(({ id }) => id).join(" ");

  it("puts a restored video back to its place, with its progress", () => {
    const outline = open();
    outline.apply("video.deleted", event({ video_id: "a" }));
    expect(ids(outline)).toBe("b");
    const { progress: _, ...restored } = lesson("a", null, { title: "A" });
    outline.apply("video.updated", event({ ...restored, video_id: "a" }));
    expect([ids(outline), outline.find("a")?.title]).toEqual(["a b", "A"]);
    expect(outline.find("a")?.progress?.watched_ratio).toBe(0.1);
  });

  it("has a lesson where an event places it: those without a place come last", () => {
    const outline = open();
    outline.apply("video.updated", event({ video_id: "b", position: 5 }));
    expect(ids(outline)).toBe("b a");
    outline.apply("video.updated", event({ video_id: "a", position: 4 }));
    expect(ids(outline)).toBe("a b");
    outline.apply("video.updated", event({ video_id: "a", position: null }));
    expect(ids(outline)).toBe("b a");
  });

  it.each([
    ["ada", 0.4],
    ["bob", 0.1],
  ])("takes what %s plays for a progress of %d", (user_id, ratio) => {
    const outline = open();
    const played = { video_id: "a", user_id, position: 9, watched_ratio: 0.4 };
    outline.apply("playback.progress", event(played));
    expect(outline.find("a")?.progress?.watched_ratio).toBe(ratio);
  });

  it("is not changed by what belongs to no known module", () => {
    const outline = open();
    const unknown = event({ video_id: "x", module_id: "new", title: "X" });
    expect(outline.lacksModuleOf(unknown)).toBe(true);
    expect(outline.apply("video.ready", unknown)).toBe(false);
    expect(outline.apply("video.deleted", event({ video_id: "x" }))).toBe(false);
    expect(ids(outline)).toBe("a b");
  });
});

describe("the first page", () => {
  const active = (updated_at: string) => ({ watched_ratio: 0.3, position: 9, updated_at });
  const done = { watched_ratio: 1, position: 0, completed: true };
  const physics = course("Physics", lesson("Über Kräfte", active("2026-01-02")), lesson("Waves"));
  const art = course("Art", lesson("Giotto", active("2026-01-03")), lesson("Masaccio", done));

  it.each([
    ["", "all", "Über Kräfte, Waves, Giotto, Masaccio"],
    ["uber KRAFTE", "all", "Über Kräfte"],
    ["art giotto", "all", "Giotto"],
    ["art", "all", "Giotto, Masaccio"],
    ["", "done", "Masaccio"],
    ["", "fresh", "Waves"],
    ["giotto", "done", ""],
  ] as const)("finds for %j among %s: %s", (words, filter, titles) => {
    const found = find([physics, art], words, filter, () => false);
    expect(found.flatMap(({ lessons }) => lessons.map(({ id }) => id)).join(", ")).toBe(titles);
  });

  it("goes on with what was seen last, else with the first that is new", () => {
    expect(lessonToResume([physics, art])?.lesson.id).toBe("Giotto");
    expect(lessonToResume([course("C", lesson("a", done), lesson("b"))])?.lesson.id).toBe("b");
    expect(lessonToResume([course("C", lesson("a", done))])).toBeNull();
  });

  it("counts what is done, and of the rest the share", () => {
    expect(progressOf(art)).toEqual({ done: 1, all: 2, ratio: 0.65 });
    expect(progressOf(course("Empty"))).toEqual({ done: 0, all: 0, ratio: 0 });
  });
});

describe("the activity", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const hear = (activity: Activity, type: string, user_id = "ada") =>
    activity.apply(type, event({ user_id, video_id: "v", position: 12, watched_ratio: 0.4 }));
  const states = ({ entries }: Activity) => entries.value.map(({ state }) => state);

  it.each([
    ["playback.progress", 34_000, "watching"],
    ["playback.progress", 36_000, "silent"],
    ["playback.stopped", 36_000, "stopped"],
    ["playback.completed", 36_000, "completed"],
  ])("after %s and %d ms is %s", (type, waitMs, state) => {
    const activity = new Activity();
    hear(activity, type);
    vi.advanceTimersByTime(waitMs);
    expect(states(activity)).toEqual([state]);
  });

  it("sees a sign of life end the silence", () => {
    const activity = new Activity();
    hear(activity, "playback.started");
    vi.advanceTimersByTime(30_000);
    hear(activity, "playback.progress");
    vi.advanceTimersByTime(30_000);
    expect(states(activity)).toEqual(["watching"]);
  });

  it("keeps the newest thirty", () => {
    const activity = new Activity();
    for (let user = 0; user < 40; user += 1) hear(activity, "playback.stopped", `u${user}`);
    expect(activity.entries.value).toHaveLength(30);
    expect(activity.entries.value[0]?.userId).toBe("u39");
  });
});
