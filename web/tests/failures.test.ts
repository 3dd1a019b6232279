import { describe, expect, test } from "vitest";
import { failureInWords, referenceOf } from "../src/pages/failures.ts";
import { ApiError, readProblem } from "../src/service/client.ts";

function problem(status: number, code: string) {
  const detail = "In the words of the server.";
  const body = { type: `urn:coursestream:${code}`, title: "", status, detail, instance: "r1" };
  return readProblem(status, JSON.stringify(body));
}

describe("a failure in words", () => {
  test.each([
    [401, "invalid-token", /sign-in has ended/],
    [403, "not-enrolled", /not enrolled/],
    [403, "not-allowed", /not allowed/],
    [404, "not-found", /no longer there/],
    [429, "rate-limited", /too much at once/],
    [500, "internal", /made a mistake/],
    [503, "unavailable", /not available/],
    [507, "over-quota", /no room/],
    [400, "invalid-request", /^In the words of the server\.$/],
    [422, "newer-than-this-page", /^In the words of the server\.$/],
  ])("of %d %s", (status, code, words) => {
    expect(failureInWords(problem(status, code))).toMatch(words);
  });

  test.each([
    [0, /cannot be reached/],
    [401, /sign-in has ended/],
    [403, /not allowed/],
    [404, /no longer there/],
    [410, /no longer there/],
    [418, /answered 418/],
    [429, /too much at once/],
    [500, /made a mistake/],
    [502, /not available/],
    [503, /not available/],
    [504, /not available/],
  ])("of a proxy's page with %d", (status, words) => {
    expect(failureInWords(readProblem(status, "<html>"))).toMatch(words);
  });

  test("of the server has a reference, of the request none", () => {
    expect(referenceOf(problem(500, "internal"))).toBe("Reference: r1");
    expect(referenceOf(problem(403, "not-allowed"))).toBeNull();
    expect(referenceOf(new ApiError(500))).toBeNull();
  });
});
