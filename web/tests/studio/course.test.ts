import { describe, expect, test } from "vitest";
import { CourseModel } from "../../src/studio/courses/course_model.ts";
import { lastPosition, moved, placements, rearranged } from "../../src/studio/courses/order.ts";
import type { Course, Lesson } from "../../src/studio/service/answers.ts";
import { identifierFor, isIdentifier } from "../../src/studio/service/identifiers.ts";
import { routeOf } from "../../src/studio/service/routes.ts";

function module(id: string, position: number, videos: Lesson[] = []) {
  return { id, title: id, position, videos };
}

describe("the order of modules", () => {
  test.each([
    ["between others by one request", [1, 10, 20], 2, 1, [{ id: "m2", position: 5 }]],
    ["to the front", [5, 10, 20], 2, 0, [{ id: "m2", position: 2 }]],
    ["to the end", [1, 2, 3], 0, 2, [{ id: "m0", position: 1027 }]],
    [
      "where there is no room: all that changes",
      [0, 1, 2],
      2,
      1,
      [
        { id: "m0", position: 1024 },
        { id: "m2", position: 2048 },
        { id: "m1", position: 3072 },
      ],
    ],
    [
      "among equal positions: all",
      [0, 0, 0],
      0,
      1,
      [
        { id: "m1", position: 1024 },
        { id: "m0", position: 2048 },
        { id: "m2", position: 3072 },
      ],
    ],
  ])("%s", (_, positions, from, to, wanted) => {
    const modules = positions.map((position, i) => module(`m${i}`, position));
    expect(placements(moved(modules, from, to), `m${from}`)).toEqual(wanted);
  });

  const [a, b, c] = [
    { id: "v0", position: 1024 },
    { id: "v1", position: 2048 },
    { id: "v2", position: 3072 },
  ];
  test.each([
    [
      "among lessons without a place: up to it",
      [null, null, null],
      2,
      1,
      [a, { ...c, position: 2048 }],
    ],
    ["to their front by one request", [null, null, null], 2, 0, [{ id: "v2", position: 1023 }]],
    ["behind what has a place", [5, null, null], 2, 1, [{ id: "v2", position: 1029 }]],
    [
      "to the end of what has none: all",
      [null, null],
      0,
      1,
      [
        { ...b, position: 1024 },
        { ...a, position: 2048 },
      ],
    ],
    ["out of what has a place", [5, 6, null], 0, 1, [{ id: "v0", position: 1030 }]],
  ])("%s", (_, positions, from, to, wanted) => {
    const lessons = positions.map((position, i) => ({ id: `v${i}`, position }));
    expect(placements(moved(lessons, from, to), `v${from}`)).toEqual(wanted);
  });

  test.each([
    [0, 0],
    [0, -1],
    [1, 2],
    [2, 0],
  ])("from %d to %d nothing moves", (from, to) => {
    expect(rearranged([module("a", 1), module("b", 2)], from, to)).toBeNull();
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
    model.put(lesson("a", 1, 2));
    expect(ids()).toBe("b a");
    done();
    model.put(lesson("a", 1, 1));
    expect(ids()).toBe("b a");
    model.put(lesson("a", 1, 3));
    expect(ids()).toBe("a b");
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
