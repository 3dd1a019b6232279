import { describe, expect, test } from "vitest";
import type { Enrollment, Lesson, ProgressItem } from "../../src/studio/service/answers.ts";
import { buildCsv } from "../../src/studio/watching/csv.ts";
import { sortedStudents, WatchTable } from "../../src/studio/watching/watch_table.ts";

const lessons = ["v1", "v2"].map((id) => ({ id, title: id })) as Lesson[];
const enrolled: Enrollment[] = [
  { user_id: "ada", role: "student", created_at: "" },
  { user_id: "bob", role: "student", created_at: "" },
  { user_id: "tess", role: "instructor", created_at: "" },
];

function item(user_id: string, video_id: string, ratio: number, updated_at: string): ProgressItem {
  return {
    user_id,
    video_id,
    position: ratio * 10,
    watched_seconds: 0,
    watched_ratio: ratio,
    watched: [],
    completed: ratio >= 0.9,
    completed_at: null,
    updated_at,
  };
}

function event(user_id: string, watched_ratio: number, occurred_at: string) {
  return { user_id, video_id: "v1", watched_ratio, position: 3, occurred_at };
}

describe("who watched how far", () => {
  test("counts what was not begun, and leaves instructors out", () => {
    const table = new WatchTable();
    table.add([
      item("ada", "v1", 1, "2"),
      item("tess", "v1", 1, "2"),
      item("gone", "v2", 0.5, "3"),
    ]);

    expect(table.students(enrolled, lessons)).toEqual([
      { userId: "ada", isEnrolled: true, completed: 1, started: 1, ratio: 0.5, seenAt: "2" },
      { userId: "bob", isEnrolled: true, completed: 0, started: 0, ratio: 0, seenAt: null },
      { userId: "gone", isEnrolled: false, completed: 0, started: 1, ratio: 0.25, seenAt: "3" },
    ]);
    expect(
      table
        .lessons(enrolled, lessons)
        .map(({ viewers, completed, ratio }) => [viewers, completed, ratio]),
    ).toEqual([
      [1, 1, 0.5],
      [0, 0, 0],
    ]);
  });

  test("an event is newer than the page of the list that comes after it", () => {
    const table = new WatchTable();
    table.apply("playback.progress", event("ada", 0.6, "5"));
    table.add([item("ada", "v1", 0.4, "4")]);
    expect(table.cell("ada", "v1")).toMatchObject({ ratio: 0.6, completed: false });

    table.apply("playback.completed", event("ada", 0.95, "6"));
    table.apply("playback.progress", event("ada", 0.2, "7"));
    expect(table.cell("ada", "v1")).toMatchObject({ ratio: 0.95, completed: true, seenAt: "7" });
  });

  test.each([
    ["name", ["ada 2", "ada 10", "bob"]],
    ["ratio", ["bob", "ada 2", "ada 10"]],
    ["seen", ["ada 10", "ada 2", "bob"]],
  ] as const)("sorts by %s", (order, wanted) => {
    const table = new WatchTable();
    table.add([
      item("ada 10", "v1", 0.8, "9"),
      item("ada 2", "v1", 0.4, "8"),
      item("bob", "v1", 0, ""),
    ]);
    const rows = table.students([], lessons);
    expect(sortedStudents(rows, order).map(({ userId }) => userId)).toEqual(wanted);
  });
});

test("a table of 500 students and 200 lessons is no matter of time", () => {
  const many = Array.from({ length: 200 }, (_, i) => ({ id: `v${i}` })) as Lesson[];
  const students = Array.from({ length: 500 }, (_, i) => ({
    user_id: `s${i}`,
    role: "student" as const,
    created_at: "",
  }));
  const table = new WatchTable();
  for (const { user_id } of students) table.add(many.map(({ id }) => item(user_id, id, 0.5, "1")));

  // Were each student looked for among all, the time-out of the test would tell.
  expect(table.students(students, many)).toHaveLength(500);
  expect(table.lessons(students, many)).toHaveLength(200);
});

test("no cell of a CSV is a formula", () => {
  expect(
    buildCsv([
      ["=1+1", 'say "hi"', -1],
      ["a,b", "+x", "ok"],
    ]),
  ).toBe('\ufeff\'=1+1,"say ""hi""",-1\r\n"a,b",\'+x,ok\r\n');
});
