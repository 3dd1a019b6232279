import { describe, expect, it } from "vitest";
import { tileAt } from "../src/element/storyboard.ts";
import { cueIndexAt, parseWebVtt, plainText } from "../src/element/webvtt.ts";

const cue = (startS: number, endS: number, text: string) => ({ startS, endS, text });

describe("parseWebVtt", () => {
  it.each([
    ["no cue", "WEBVTT\n", []],
    ["minutes", "WEBVTT\n\n00:01.500 --> 00:03.000\nOne", [cue(1.5, 3, "One")]],
    ["hours", "WEBVTT\n\n01:00:01.000 --> 123:00:03.000\nOne", [cue(3601, 442803, "One")]],
    ["an identifier", "WEBVTT\n\n7\n00:01.000 --> 00:03.000\nOne", [cue(1, 3, "One")]],
    ["cue settings", "WEBVTT\n\n00:01.000 --> 00:03.000 align:start\nOne", [cue(1, 3, "One")]],
    ["two lines", "WEBVTT\n\n00:01.000 --> 00:03.000\nOne\ntwo", [cue(1, 3, "One\ntwo")]],
    ["CRLF", "WEBVTT\r\n\r\n00:01.000 --> 00:03.000\r\nOne\r\n", [cue(1, 3, "One\n")]],
    ["a comment", "WEBVTT\n\nNOTE of mine\n\n00:01.000 --> 00:03.000\nOne", [cue(1, 3, "One")]],
    ["no times", "WEBVTT\n\nsoon --> later\nOne", []],
  ])("reads %s", (_, text, expected) => {
    const trimmed = parseWebVtt(text).map((one) => ({ ...one, text: one.text.trimEnd() }));
    expect(trimmed).toEqual(expected.map((one) => ({ ...one, text: one.text.trimEnd() })));
  });
});

describe("plainText", () => {
  it.each([
    ["<i>Hello</i> &amp; <b.loud>bye</b>", "Hello & bye"],
    ["1 &lt; 2\nand more", "1 < 2 and more"],
    ["&lt;script&gt;", "<script>"],
    ["<unclosed", ""],
    ["&unknown;", "&unknown;"],
  ])("%j is %j", (text, expected) => expect(plainText(text)).toBe(expected));
});

describe("cueIndexAt", () => {
  const cues = [cue(1, 2, "a"), cue(2, 4, "b"), cue(9, 10, "c")];

  it.each([
    [0, -1],
    [1, 0],
    [1.99, 0],
    [2, 1],
    [8, 1],
    [9, 2],
    [100, 2],
  ])("at %d s is %d", (positionS, expected) => expect(cueIndexAt(cues, positionS)).toBe(expected));

  it("of no cues is none", () => expect(cueIndexAt([], 1)).toBe(-1));
});

describe("tileAt", () => {
  const base = "https://v.example/play/g/1/storyboard-a.vtt";
  const cues = [cue(0, 5, "sheet.jpg#xywh=0,0,160,90"), cue(5, 10, "sheet.jpg#xywh=160,0,160,90")];

  it.each([
    [0, 0],
    [4.9, 0],
    [5, 160],
    [99, 160],
  ])("at %d s begins at x = %d", (positionS, x) => {
    expect(tileAt(cues, positionS, base)).toEqual({
      url: "https://v.example/play/g/1/sheet.jpg",
      x,
      y: 0,
      width: 160,
      height: 90,
    });
  });

  it("without a fragment is nothing", () =>
    expect(tileAt([cue(0, 1, "x.jpg")], 0, base)).toBe(null));
});
