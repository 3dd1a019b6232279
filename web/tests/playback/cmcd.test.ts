import { describe, expect, it } from "vitest";
import { telling, withoutFields } from "../../src/playback/cmcd.ts";

const TOLD = { sessionId: "s-1", videoId: "v-1" };
const SERVICE = "https://courses.example";
const SITE = "https://site.example";
const EDGE = "https://edge.example";

function told(media: string, page: string) {
  return telling(TOLD, { media, service: SERVICE, page }, () => false);
}

describe("telling", () => {
  it("names session and video in header fields, never in addresses", () => {
    expect(told(SERVICE, SERVICE)).toEqual({
      cmcd: { sessionId: "s-1", contentId: "v-1", useHeaders: true },
    });
  });

  it("tells an edge nothing", () => {
    expect(told(EDGE, SERVICE)).toEqual({});
    expect(told(EDGE, EDGE)).toEqual({});
  });

  it("has a loader of its own where fields must be permitted first", () => {
    expect(told(SERVICE, SITE)).toHaveProperty("loader");
    expect(told(SERVICE, SITE)).toHaveProperty("cmcd.useHeaders", true);
  });
});

describe("withoutFields", () => {
  it.each([
    [undefined, {}],
    [{ "CMCD-Session": 'sid="s-1"', "cmcd-object": "d=4000" }, {}],
    [{ "CMCD-Request": "su", Accept: "*/*" }, { Accept: "*/*" }],
  ])("%j: %j", (headers, left) => {
    expect(withoutFields(headers)).toEqual(left);
  });
});
