import { describe, expect, test } from "vitest";
import { plainText } from "../../src/element/webvtt.ts";
import {
  buildChapters,
  buildTrack,
  faultOf,
  keptText,
  newRow,
  readTrack,
  rowAt,
  shownText,
  withIdsOf,
} from "../../src/studio/video/cues.ts";
import { formatTime, parseTime } from "../../src/studio/video/times.ts";

describe("times", () => {
  test.each([
    ["62.5", 62.5],
    ["1:02.5", 62.5],
    ["00:01:02,500", 62.5],
    [" 1:01:02 ", 3662],
    ["0", 0],
    ["", null],
    ["1:2:3:4", null],
    ["-1", null],
    ["abc", null],
    ["1:02.5555", null],
  ])("%j is %j seconds", (text, seconds) => {
    expect(parseTime(text)).toBe(seconds);
  });

  test.each([
    [62.5, "1:02.500"],
    [3662, "1:01:02.000"],
    [59.9996, "1:00.000"],
    [0, "0:00.000"],
  ])("%j seconds are %j", (seconds, text) => {
    expect(formatTime(seconds)).toBe(text);
  });
});

describe("texts", () => {
  test.each([
    ["Q &amp; A", "Q & A"],
    ["a &lt; b --&gt; c", "a < b --> c"],
    ["<i>light</i> &amp; <v Ada>waves</v>", "<i>light</i> & <v Ada>waves</v>"],
    ["&lt;b&gt; is bold", "&lt;b> is bold"],
    ["two\nlines", "two\nlines"],
  ])("%j is shown as %j, and kept", (kept, shown) => {
    expect(shownText(kept)).toBe(shown);
    expect(plainText(keptText(shown))).toBe(plainText(kept));
  });

  test("an empty line would end the cue", () => {
    expect(keptText("one\n\n\ntwo\n")).toBe("one\ntwo");
  });
});

describe("faults", () => {
  test.each([
    ["0:01", "0:02", "text", null],
    ["x", "0:02", "text", "start"],
    ["0:01", "", "text", "end"],
    ["0:02", "0:01", "text", "before-start"],
    ["0:02", "0:02", "text", "before-start"],
    ["1:31", "1:35", "text", "past-the-end"],
    ["0:01", "0:02", " ", "no-text"],
  ])("from %j to %j with %j: %j", (start, end, text, fault) => {
    expect(faultOf({ id: 1, start, end, text }, 90)).toBe(fault);
  });

  test("a chapter needs no end", () => {
    expect(faultOf({ id: 1, start: "0:01", end: "", text: "One" }, 90, true)).toBe(null);
  });
});

test("a track is what was read, in order", () => {
  const rows = [newRow(5, 6, "second"), newRow(1.5, 3, "a < b")];
  const vtt = buildTrack(rows);
  expect(vtt).toBe(
    "WEBVTT\n\n00:00:01.500 --> 00:00:03.000\na &lt; b\n\n00:00:05.000 --> 00:00:06.000\nsecond\n",
  );
  expect(readTrack(vtt).map(({ start, end, text }) => [start, end, text])).toEqual([
    ["0:01.500", "0:03.000", "a < b"],
    ["0:05.000", "0:06.000", "second"],
  ]);
});

test("chapters last until the next one", () => {
  const vtt = buildChapters([newRow(30, 31, "Two"), newRow(0, 1, "One")], 90);
  expect(vtt).toContain("00:00:00.000 --> 00:00:30.000\nOne");
  expect(vtt).toContain("00:00:30.000 --> 00:01:30.000\nTwo");
});

test.each([
  [10, "0:12.000"],
  [20, "0:23.000"],
  [89, "1:30.000"],
])("a cue added at %i s ends at %s", (startS, end) => {
  expect(rowAt(startS, [newRow(12, 14, "next")], 90).end).toBe(end);
});

describe("ids of rows that come anew", () => {
  const before = [
    { id: 1, start: "2", end: "3", text: "Twice " },
    { id: 2, start: "0:02.000", end: "4", text: "Twice" },
    { id: 3, start: "5", end: "6", text: "Before" },
  ];

  test("equal rows keep theirs, each once, and others get new ones", () => {
    const come = [newRow(2, 3, "Twice"), newRow(2, 4, "Twice"), newRow(2, 4, "Twice")];
    const rows = withIdsOf(before, [...come, newRow(5, 6, "After")]);
    expect(rows.slice(0, 2).map(({ id }) => id)).toEqual([1, 2]);
    expect(rows.slice(2).every(({ id }) => id > 3)).toBe(true);
    expect(rows.map(({ text }) => text)).toEqual(["Twice", "Twice", "Twice", "After"]);
  });
});
