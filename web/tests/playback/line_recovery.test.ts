import { expect, test } from "vitest";
import { LineRecovery } from "../../src/playback/line_recovery.ts";

const SLOW = 350_000;
const QUICK = { bits: 400_000, seconds: 0.1 };

function judgeAll(loads: { bits: number; seconds: number }[], estimate = SLOW) {
  const recovery = new LineRecovery();
  return loads.map((load) => recovery.judge(load, estimate));
}

test("three quick loads raise the estimate by a step", () => {
  expect(judgeAll([QUICK, QUICK, QUICK])).toEqual([null, null, 4 * SLOW]);
});

test("no further than the slowest of them was", () => {
  const loads = [QUICK, { bits: 100_000, seconds: 0.1 }, QUICK];

  expect(judgeAll(loads)).toEqual([null, null, 1_000_000]);
});

test("a slow load in between begins anew", () => {
  const slow = { bits: 400_000, seconds: 1 };

  expect(judgeAll([QUICK, QUICK, slow, QUICK, QUICK])).toEqual(Array(5).fill(null));
  expect(judgeAll([QUICK, slow, QUICK, QUICK, QUICK]).at(-1)).toBe(4 * SLOW);
});

test("the next step takes three loads again", () => {
  expect(judgeAll([QUICK, QUICK, QUICK, QUICK, QUICK])).toEqual([null, null, 4 * SLOW, null, null]);
});

test("what the browser had kept says nothing", () => {
  const kept = { bits: 400_000, seconds: 0.002 };

  expect(judgeAll([QUICK, kept, QUICK, kept, kept, kept])).toEqual(Array(6).fill(null));
  expect(judgeAll([QUICK, kept, QUICK, QUICK]).at(-1)).toBe(4 * SLOW);
});

test("an estimate that fits stays", () => {
  expect(judgeAll([QUICK, QUICK, QUICK], 2_500_000)).toEqual([null, null, null]);
});
