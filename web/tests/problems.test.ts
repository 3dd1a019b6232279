import { describe, expect, it } from "vitest";
import { ApiError, readProblem } from "../src/service/client.ts";
import { explain, KNOWN_CODES } from "../src/service/problems.ts";

describe("explain", () => {
  it.each(KNOWN_CODES)("%s is a sentence with advice", (code) => {
    const { sentence, advice } = explain(new ApiError(400, { code }));
    expect(sentence).toMatch(/^[A-Z].*\.$/);
    expect(advice).toMatch(/^[A-Z].*\.$/);
  });

  it.each([
    [0, "", "retry"],
    [401, "invalid-token", "sign-in"],
    [403, "", "retry"],
    [404, "not-found", null],
    [429, "rate-limited", "retry"],
    [502, "", "retry"],
    [503, "unavailable", "retry"],
    [418, "teapot", null],
  ])("status %d, code %j: the way out is %j", (status, code, wayOut) => {
    expect(explain(new ApiError(status, { code })).wayOut).toBe(wayOut);
  });

  it("names the request only where the server is at fault", () => {
    const said = (status: number) => explain(new ApiError(status, { reference: "r-1" })).advice;
    expect(said(500)).toContain("r-1");
    expect(said(404)).not.toContain("r-1");
  });
});

describe("readProblem", () => {
  it.each([
    ["10", 10],
    [null, 0],
    ["soon", 0],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
  ])("Retry-After %j is %d s", (text, expected) => {
    expect(readProblem(503, "", text).retryAfterS).toBe(expected);
  });

  it("takes a proxy's page for what its status says", () => {
    expect(readProblem(502, "<html>").message).toBe("The server answered 502.");
  });
});
