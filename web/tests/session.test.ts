import { describe, expect, it, vi } from "vitest";
import { Api } from "../src/service/api.ts";
import { viewerOfSession, viewerOfToken } from "../src/session/viewer.ts";
import { rememberWanted, takeWanted } from "../src/session/wanted.ts";

describe("the page that was wanted before signing in", () => {
  it.each([
    ["/watch/1a-2b", 0, "/watch/1a-2b"],
    ["/studio", 0, "/studio"],
    ["/watch/1a-2b", 14, "/watch/1a-2b"],
    ["/watch/1a-2b", 16, null],
    ["/", 0, null],
    ["//evil.example/watch/1", 0, null],
  ])("%s is after %d minutes %s, once", (path, minutes, taken) => {
    vi.useFakeTimers();
    rememberWanted(path);
    vi.advanceTimersByTime(minutes * 60_000);
    expect([takeWanted(), takeWanted()]).toEqual([taken, null]);
    vi.useRealTimers();
  });
});

describe("a viewer", () => {
  const token = (claims: object) => `e30.${btoa(JSON.stringify(claims))}.x`;

  it.each([
    [
      { sub: "ada", exp: 60 },
      { userId: "ada", name: "ada", isPrivileged: false },
    ],
    [{ sub: "ada", name: "Ada L.", exp: 60 }, { name: "Ada L." }],
    [{ sub: "root", roles: ["admin"], exp: 60 }, { isPrivileged: true }],
    [{ sub: "root", roles: "admin", exp: 60 }, { isPrivileged: false }],
    [{ sub: "ada" }, { expiresAtMs: 0 }],
  ])("of the claims %j is %j", (claims, viewer) =>
    expect(viewerOfToken(token(claims))).toMatchObject(viewer),
  );

  it.each(["", "nonsense", token({}), token({ sub: 7 })])("is none for the token %j", (one) =>
    expect(viewerOfToken(one)).toBeNull(),
  );

  it("of a session needs no token", () => {
    const expires_at = "2026-01-01T00:00:00Z";
    const view = { user_id: "ada", name: null, roles: ["service"], expires_at };
    expect(viewerOfSession(view)).toEqual({
      userId: "ada",
      name: "ada",
      isPrivileged: true,
      expiresAtMs: Date.parse(expires_at),
      token: null,
    });
  });
});

it("the API says once the sign-in has ended", async () => {
  vi.stubGlobal("fetch", async () => new Response("{}", { status: 401 }));
  const refused = vi.fn();
  await expect(new Api(null, refused).courses()).rejects.toMatchObject({ status: 401 });
  expect(refused).toHaveBeenCalledOnce();
  vi.unstubAllGlobals();
});
