import { describe, expect, test } from "vitest";
import { CourseModel } from "../../src/studio/courses/course_model.ts";
import { lastPosition, moved } from "../../src/studio/courses/ordering/order.ts";
import type { Course, Lesson } from "../../src/studio/service/answers.ts";
import { identifierFor, isIdentifier } from "../../src/studio/service/identifiers.ts";
import { routeOf } from "../../src/studio/service/routes.ts";

function module(id: string, position: number, videos: Lesson[] = []) {
  return { id, title: id, position, videos };
}

describe("the order of modules", () => {
  test("has a thing at its new place", () => {
    expect(moved(["a", "b", "c"], 0, 2)).toEqual(["b", "c", "a"]);
    expect(moved(["a", "b", "c"], 2, 0)).toEqual(["c", "a", "b"]);
  });

  test.each([
    [0, 0],
    [0, -1],
    [1, 2],
    [2, 0],
  ])("from %d to %d nothing moves", (from, to) => {
    expect(moved(["a", "b"], from, to)).toBeNull();
  });

  test("a new module comes last", () => {
    expect(lastPosition([module("a", 3), module("b", 2048)])).toBe(3072);
    expect(lastPosition([])).toBe(1024);
  });
});

describe("a course", () => {
  const course: Course = {
    id: "c1",
    title: "Optics",
    role: "instructor",
    modules: [module("m2", 2), module("m1", 1)],
  };
  const event = { id: "v1", video_id: "v1", module_id: "m1", title: "Light" };

  test("follows a lesson from its upload to its end", () => {
    const model = new CourseModel();
    model.show(course);
    expect(model.modules.value.map(({ id }) => id)).toEqual(["m1", "m2"]);

    expect(model.apply("video.uploaded", { ...event, status: "processing" })).toBe(true);
    model.apply("video.processing", { id: "v1", video_id: "v1", processing_ratio: 0.5 });
    expect(model.find("v1")).toMatchObject({ title: "Light", processing_ratio: 0.5 });

    model.apply("video.deleted", event);
    expect(model.lessons.value).toEqual([]);
  });

  test("keeps a lesson where it is moved to, whatever older events say", () => {
    const model = new CourseModel();
    const lesson = (id: string, position: number, at: number) =>
      ({ id, module_id: "m1", position, updated_at: `2026-12-01T10:00:0${at}Z` }) as Lesson;
    const ids = () => model.lessons.value.map(({ id }) => id).join(" ");
    model.show({ ...course, modules: [module("m1", 1, [lesson("a", 1, 0), lesson("b", 2, 0)])] });
    const done = model.holdPlaces();
    model.reorderLessons("m1", [lesson("b", 2, 0), lesson("a", 5, 0)]);

    model.put(lesson("a", 3, 1));
    model.put({ ...lesson("b", 9, 1), title: "Renamed" });
    expect(ids()).toBe("b a");
    model.takePlaces([
      { id: "b", position: 2 },
      { id: "a", position: 1026 },
    ]);
    done();
    model.put(lesson("a", 1, 0));
    expect(ids()).toBe("b a");
    expect(model.find("b")).toMatchObject({ title: "Renamed", position: 2 });
    model.put(lesson("a", 1, 3));
    expect(ids()).toBe("a b");
  });

  test("keeps the last of several orders until all are stored", () => {
    const model = new CourseModel();
    const ids = () => model.modules.value.map(({ id }) => id).join(" ");
    model.show({ ...course, modules: [module("a", 1), module("b", 2), module("c", 3)] });
    const [first, second] = [model.holdPlaces(), model.holdPlaces()];
    model.reorder([module("c", 3), module("b", 2), module("a", 1)]);

    model.takePlaces([
      { id: "c", position: 4 },
      { id: "a", position: 5 },
      { id: "b", position: 6 },
    ]);
    first();
    expect(ids()).toBe("c b a");
    model.takePlaces([
      { id: "c", position: 4 },
      { id: "b", position: 5 },
      { id: "a", position: 6 },
    ]);
    second();
    expect(ids()).toBe("c b a");
    expect(model.modules.value.map(({ position }) => position)).toEqual([4, 5, 6]);
  });

  test("says so when an event is about a module that it does not know", () => {
    const model = new CourseModel();
    model.show(course);
    expect(model.apply("video.uploaded", { ...event, module_id: "new" })).toBe(false);
  });
});

describe("identifiers", () => {
  test.each([
    ["Einführung in Öle", "einfuhrung-in-ole-"],
    ["  !? ", "c-"],
    ["講義", "c-"],
    ["x".repeat(300), `${"x".repeat(48)}-`],
  ])("%j begins with %j", (title, begin) => {
    const made = identifierFor(title, () => 0.5);
    expect(made.startsWith(begin)).toBe(true);
    expect(isIdentifier(made)).toBe(true);
  });

  test("are another one each time", () => {
    expect(identifierFor("a")).not.toBe(identifierFor("a"));
  });
});

test.each([
  ["/studio", "", { page: "courses" }],
  ["/studio/", "", { page: "courses" }],
  ["/studio/courses/c%20x", "", { page: "course", courseId: "c x", view: "lessons" }],
  ["/studio/courses/c1", "?view=people", { page: "course", courseId: "c1", view: "people" }],
  ["/studio/courses/c1", "?view=nonsense", { page: "course", courseId: "c1", view: "lessons" }],
  ["/studio/videos/v1", "", { page: "video", videoId: "v1", view: "picture" }],
  ["/studio/videos/%E0", "", { page: "video", videoId: "%E0", view: "picture" }],
  ["/studio/videos", "", null],
  ["/studio/videos/v1/more", "", null],
  ["/watch/v1", "", null],
])("%s%s leads to %j", (path, search, route) => {
  expect(routeOf(path, search)).toEqual(route);
});
