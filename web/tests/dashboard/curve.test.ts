import { describe, expect, it } from "vitest";
import {
  heatOf,
  middleOf,
  rewatchedParts,
  skippedParts,
  stepAt,
} from "../../src/dashboard/charts/curve.ts";

const curve = (viewers: number[], plays: number[] = viewers, step = 1) => ({
  step,
  viewers,
  plays,
});

describe("a rewatched part", () => {
  it.each([
    ["nobody watches", curve([0, 0, 0]), []],
    ["everybody watches once", curve([9, 9, 8, 7]), []],
    [
      "two steps are played half as often again",
      curve([8, 8, 8, 8], [8, 12, 12, 8]),
      [{ startS: 1, endS: 3, weight: 8 }],
    ],
    ["it is a little less", curve([8, 8, 8, 8], [8, 11, 11, 8]), []],
    ["it is shorter than two seconds", curve([8, 8, 8], [8, 80, 8]), []],
    [
      "it lasts to the end, of longer steps",
      curve([4, 4], [4, 8], 6),
      [{ startS: 6, endS: 12, weight: 24 }],
    ],
  ])("when %s", (_, retention, parts) => expect(rewatchedParts(retention)).toEqual(parts));

  it("is one of the six that stand out most, in the order of the film", () => {
    const plays = Array.from({ length: 8 }, (_, number) => [0, 20 + number, 20 + number]).flat();
    const found = rewatchedParts(curve(new Array(24).fill(10), plays));
    expect(found.map(({ startS }) => startS)).toEqual([7, 10, 13, 16, 19, 22]);
  });
});

describe("a skipped part", () => {
  it.each([
    ["all leave one after the other", curve([9, 7, 5, 3, 0]), []],
    ["more see what follows", curve([10, 4, 4, 8, 8]), [{ startS: 1, endS: 3, weight: 8 }]],
    ["hardly anybody leaves it out", curve([10, 6, 6, 8, 8]), []],
    ["it is the beginning", curve([1, 1, 8]), [{ startS: 0, endS: 2, weight: 14 }]],
  ])("when %s", (_, retention, parts) => expect(skippedParts(retention)).toEqual(parts));
});

describe("a place in the film", () => {
  const retention = curve([3, 2, 0], [3, 5, 0], 4);

  it.each([
    [-1, 0],
    [3.9, 0],
    [4, 1],
    [99, 2],
  ])("at %d s is of step %d", (positionS, step) => expect(stepAt(retention, positionS)).toBe(step));

  it("stands for its step by the middle", () => expect(middleOf(retention, 1)).toBe(6));

  it("is as hot as it was played by each viewer", () =>
    expect(heatOf(retention)).toEqual([1, 2.5, 0]));
});
