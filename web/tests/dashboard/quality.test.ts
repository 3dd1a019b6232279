import { describe, expect, it } from "vitest";
import { markedPoints, qualityDays, qualityOf } from "../../src/dashboard/charts/quality_days.ts";
import { bitrate, figureText, pictureHeight } from "../../src/dashboard/quality/words.ts";
import type { QualityRow } from "../../src/dashboard/service/figures.ts";

const NOW = new Date("2026-03-02T00:30:00Z");

const on = (of: string): QualityRow => ({
  of,
  viewers: 6,
  withheld: null,
  sessions: 9,
  exits_before_start: 0,
  failures_before_start: 0,
  sessions_with_errors: 1,
  startup_ms: 640,
  startup_score: 92.4,
  startups: 8,
  startups_within_500_ms: 3,
  startups_within_1_s: 6,
  startups_within_2_s: 7,
  startups_within_4_s: 8,
  startups_within_8_s: 8,
  sessions_with_stalls: 2,
  stalls: 3,
  stall_ratio: 0.004,
  bitrate: 2_350_000,
  height: 719.6,
});

describe("days of quality", () => {
  it("are all of the period, without figures where nothing was measured", () => {
    const days = qualityDays([on("2026-02-28")], "2026-02-26", NOW);
    expect(days.map(({ day, row }) => [day, qualityOf(row, "stalls")])).toEqual([
      ["2026-02-26", null],
      ["2026-02-27", null],
      ["2026-02-28", 3],
      ["2026-03-01", null],
      ["2026-03-02", null],
    ]);
  });

  it.each([
    ["bitrate", "2.4 Mbit/s"],
    ["height", "720 lines"],
    ["startup", "0.64 s"],
    ["stalled", "0.4%"],
    ["stalls", "3"],
    ["score", "92"],
  ] as const)("show %s as %s", (metric, shown) => {
    expect(figureText(metric, qualityOf(on("2026-03-01"), metric) ?? Number.NaN)).toBe(shown);
  });

  it("mark each point of few days, and of many those that no line reaches", () => {
    expect(markedPoints([1, null, 2, 3])).toEqual([0, 2, 3]);
    const many = [1, null, 2, 3, null, 0, ...Array.from({ length: 60 }, () => null)];
    expect(markedPoints(many)).toEqual([0, 5]);
    expect(markedPoints([])).toEqual([]);
  });
});

it.each([
  [null, "–"],
  [320_000, "0.32 Mbit/s"],
  [48_000_000, "48 Mbit/s"],
])("a bitrate of %s bits a second is %s", (bits, shown) => expect(bitrate(bits)).toBe(shown));

it("an unknown height is a dash", () => expect(pictureHeight(null)).toBe("–"));
