import { describe, expect, it } from "vitest";
import { explainStall, type StallFacts } from "../../src/progress/stalls.ts";

const FACTS: StallFacts = {
  isOnline: true,
  status: 0,
  lineBits: null,
  neededBits: null,
  aheadS: 0,
  droppedRatio: 0,
};

describe("explainStall", () => {
  it.each<[Partial<StallFacts>, string]>([
    [{}, "the line or the server is slow"],
    [{ isOnline: false, status: 503 }, "offline"],
    [{ status: 429 }, "close other players"],
    [{ status: 503, droppedRatio: 1 }, "server is busy"],
    [{ droppedRatio: 0.5 }, "This device is too busy"],
    [{ aheadS: 10, lineBits: 1e5, neededBits: 1e6 }, "This device is too busy"],
    [{ lineBits: 1.2e6, neededBits: 3e6 }, "gives 1.2 Mbit/s, this quality needs 3.0 Mbit/s"],
    [{ lineBits: 5e6, neededBits: 3e6 }, "the line or the server is slow"],
    [{ lineBits: 5e6 }, "the line or the server is slow"],
  ])("%j: %s", (facts, words) => {
    expect(explainStall({ ...FACTS, ...facts })).toContain(words);
  });
});
