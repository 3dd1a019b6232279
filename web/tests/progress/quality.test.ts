import { describe, expect, it } from "vitest";
import { networkOf } from "../../src/progress/quality.ts";

describe("networkOf", () => {
  it.each<[object, string | null]>([
    [{}, null], // Firefox, Safari
    [{ connection: {} }, null],
    [{ connection: { effectiveType: "4g" } }, "4g"],
    [{ connection: { effectiveType: "slow-2g", type: "cellular" } }, "slow-2g"],
    [{ connection: { effectiveType: "5g" } }, null], // the service refuses what it does not know
  ])("%j: %s", (browser, network) => {
    expect(networkOf(browser)).toBe(network);
  });
});
