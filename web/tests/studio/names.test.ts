import { describe, expect, test } from "vitest";
import { byName, mayBeVideo, titleFromName } from "../../src/studio/uploads/names.ts";

describe("titles from file names", () => {
  test.each([
    ["Lecture_03-final.mp4", "Lecture 03 final"],
    ["2026-11-30_Optics.v2.MOV", "2026-11-30 Optics v2"],
    ["Week 1.2 - Light.mkv", "Week 1.2 Light"],
    ["Einf%C3%BChrung.mp4", "Einführung"],
    ["100%.mp4", "100%"],
    ["e\u0301tude.webm", "\u00e9tude"],
    ["no extension", "no extension"],
    [".mp4", ".mp4"],
    ["a\u0000b\nc.mp4", "a b c"],
    ["講義_第1回.mp4", "講義 第1回"],
  ])("%j is %j", (name, title) => {
    expect(titleFromName(name)).toBe(title);
  });

  test("is no longer than the server takes", () => {
    expect(titleFromName(`${"x".repeat(300)}.mp4`)).toHaveLength(200);
  });
});

test.each([
  ["a.pdf", "application/pdf", false],
  ["a.png", "image/png", false],
  ["a.mp4", "video/mp4", true],
  ["a.mkv", "", true],
  ["a.TS", "text/vnd.trolltech.linguist", true],
])("%s of type %j may be a video: %s", (name, type, may) => {
  expect(mayBeVideo({ name, type })).toBe(may);
});

test("numbers sort as people count", () => {
  const names = ["Lecture 10", "Lecture 2", "lecture 1"].map((name) => ({ name }));
  expect(names.sort(byName).map(({ name }) => name)).toEqual([
    "lecture 1",
    "Lecture 2",
    "Lecture 10",
  ]);
});
