import { describe, expect, it } from "vitest";
import { readPreferences } from "../../src/browser/preferences.ts";
import { fixedRung, highestRung } from "../../src/playback/qualities.ts";
import { candidates } from "../../src/playback/sources.ts";

const RUNGS = [
  { height: 1080, bitrate: 4e6 },
  { height: 720, bitrate: 2e6 },
  { height: 360, bitrate: 5e5 },
];

describe("quality", () => {
  it.each([
    ["auto", -1, -1],
    ["save", -1, 2],
    ["listen", -1, -1],
    [1080, 0, -1],
    [800, 1, -1], // what another video offered
    [144, 2, -1],
  ] as const)("%s holds rung %d and stays below %d", (choice, fixed, highest) => {
    expect([fixedRung(choice, RUNGS), highestRung(choice, RUNGS)]).toEqual([fixed, highest]);
  });

  it("of no rungs is left to the browser", () => expect(fixedRung(720, [])).toBe(-1));
});

describe("candidates", () => {
  const sources = [
    { url: "a.mp4", type: 'video/mp4; codecs="avc1"' },
    { url: "a.webm", type: 'video/webm; codecs="vp9"' },
  ];
  const terms = (hls_url: string | null) => ({ hls_url, sources });
  const knowing =
    (...words: string[]) =>
    (type: string) =>
      words.some((word) => type.includes(word)) ? ("probably" as const) : ("" as const);

  it.each([
    ["no ladder yet", null, ["mp4", "webm"], true, ["a.mp4", "a.webm"]],
    ["a browser without MP4", null, ["webm"], true, ["a.webm"]],
    ["a ladder and MSE", "m.m3u8", ["mp4"], true, ["m.m3u8", "a.mp4"]],
    ["a ladder and HLS alone", "m.m3u8", ["mpegurl"], false, ["m.m3u8"]],
    ["a ladder and both", "m.m3u8", ["mpegurl", "mp4"], true, ["m.m3u8", "m.m3u8", "a.mp4"]],
    ["nothing", null, [], true, []],
  ])("of %s", (_, hls, words, canFeed, expected) => {
    const found = candidates(terms(hls), knowing(...words), canFeed);
    expect(found.map(({ url }) => url)).toEqual(expected);
  });

  it("puts what is sure before what may be", () => {
    const found = candidates(
      terms(null),
      (type) => (type.includes("mp4") ? "maybe" : "probably"),
      true,
    );
    expect(found.map(({ url }) => url)).toEqual(["a.webm", "a.mp4"]);
  });
});

describe("preferences", () => {
  it.each([
    ["none", null],
    ["text", "x"],
    ["senseless values", { rate: 40, volume: -1, captionSize: "huge", quality: 1.5, isMuted: 1 }],
  ])("of %s are the defaults", (_, kept) => {
    expect(readPreferences(kept)).toEqual(readPreferences({}));
  });

  it("are kept as chosen", () => {
    const chosen = { rate: 1.5, captions: "de", captionGround: "none", quality: 720 };
    expect(readPreferences(chosen)).toMatchObject(chosen);
  });
});
