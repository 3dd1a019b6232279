import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sessionAddress, sessionsAddress } from "../../src/dashboard/service/routes.ts";
import {
  type Moment,
  type SessionQuality,
  searchOf,
  sessionsUrl,
  sessionUrl,
} from "../../src/dashboard/service/sessions.ts";
import {
  causeOf,
  deviceOf,
  sayMoment,
  stallsOf,
  toneOf,
} from "../../src/dashboard/sessions/words.ts";

const NOON_MS = Date.parse("2026-12-02T12:00:00Z");
const QUALITY = {
  device: "phone",
  browser: "Safari",
  stalls: 2,
  stalled_seconds: 4.25,
} as SessionQuality;

beforeEach(() => {
  vi.stubEnv("TZ", "UTC");
});
afterEach(() => {
  vi.unstubAllEnvs();
});

function span(from: string, to: string): string {
  const query = new URLSearchParams({
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    limit: "100",
  });
  return `${query}`;
}

describe("addresses of sessions", () => {
  it("are those of the last week without a day, and of one day with it", () => {
    expect(sessionsUrl({ userId: "", day: "" }, NOON_MS)).toBe(
      "/api/v1/analytics/sessions?from=2026-11-25&limit=100",
    );
    expect(sessionsUrl({ userId: "a&b", day: "2026-12-31" }, NOON_MS)).toBe(
      `/api/v1/analytics/sessions?user_id=a%26b&${span("2026-12-31T00:00Z", "2027-01-01T00:00Z")}`,
    );
    expect(sessionsUrl({ userId: "", day: "2026-12-31", time: "14:05" }, NOON_MS)).toBe(
      `/api/v1/analytics/sessions?${span("2026-12-31T14:05Z", "2027-01-01T00:00Z")}`,
    );
    expect(sessionsUrl({ userId: "", day: "", time: "14:05" }, NOON_MS)).toBe(
      "/api/v1/analytics/sessions?from=2026-11-25&limit=100",
    );
    expect(sessionUrl("s/1", "ada")).toBe("/api/v1/analytics/sessions/s%2F1?user_id=ada");
    expect(sessionUrl("s", "")).toBe("/api/v1/analytics/sessions/s");
  });

  it.each([
    ["Asia/Kolkata", "2026-12-02", "20:15", "2026-12-02T14:45Z", "2026-12-02T18:30Z"],
    ["America/St_Johns", "2026-12-02", "", "2026-12-02T03:30Z", "2026-12-03T03:30Z"],
    ["Europe/Berlin", "2026-10-25", "", "2026-10-24T22:00Z", "2026-10-25T23:00Z"], // 25 hours
    ["Europe/Berlin", "2026-03-29", "", "2026-03-28T23:00Z", "2026-03-29T22:00Z"], // 23 hours
  ])("are of a day where the reader is, in %s on %s", (zone, day, time, from, to) => {
    vi.stubEnv("TZ", zone);
    expect(sessionsUrl({ userId: "", day, time })).toBe(
      `/api/v1/analytics/sessions?${span(from, to)}`,
    );
  });

  it("say again what was searched for", () => {
    const search = { userId: "a b", day: "2026-12-01", time: "14:05" };
    expect(searchOf(new URL(sessionsAddress(search), "http://x").search)).toEqual(search);
    expect(sessionsAddress({ userId: "", day: "" })).toBe("/dashboard/sessions");
    expect(sessionAddress("s", "ada")).toBe("/dashboard/sessions/s?user_id=ada");
    expect(searchOf("")).toEqual({ userId: "", day: "", time: "" });
  });
});

describe("a session in words", () => {
  it.each<[Partial<Moment>, string]>([
    [{ kind: "shown", startup_ms: 640 }, "First picture after 0.6 s"],
    [{ kind: "seeked", position: 75 }, "Moved to 1:15"],
    [{ kind: "stalled", position: 9, stalled_ms: 2500 }, "Waited for 2.5 s at 0:09"],
    [{ kind: "stalled", stalled_ms: 2500 }, "Waited for 2.5 s"],
    [{ kind: "stalled", stalled_ms: 0 }, "The buffer ran dry"],
    [{ kind: "frames-dropped", position: 9, frames: 30 }, "30 pictures not shown in time, at 0:09"],
    [{ kind: "error", position: 3, message: "decode" }, "Error at 0:03: decode"],
    [{ kind: "refused", code: "rate-limited" }, "Refused: rate-limited"],
    [{ kind: "served", bytes: 2_000_000, seconds: 5 }, "2 MB sent in 5 s"],
    [
      { kind: "served", bytes: 0, seconds: 5, paced_s: 4, late_s: 0, to: "edge" },
      "0 bytes sent to the edge in 5 s · held back by limits 4 s",
    ],
    [{ kind: "later-kind" }, "later-kind"],
  ])("%j", (moment, said) => expect(sayMoment({ at: "", ...moment } as Moment)).toBe(said));

  it("names causes that it knows", () => {
    expect(causeOf(null)).toBe("Playing did not wait, and nothing was refused.");
    expect(causeOf("server-disk")).toBe("The server waited for its disk.");
    expect(causeOf("of-tomorrow")).toBeNull();
  });

  it("tells the device and the waits", () => {
    expect(deviceOf(QUALITY)).toBe("Phone, Safari");
    expect(deviceOf({ ...QUALITY, device: "other", browser: "other" })).toBe("Unknown");
    expect(stallsOf(QUALITY)).toBe("2 ×, 4.3 s");
    expect(stallsOf({ ...QUALITY, stalls: 0 })).toBe("0");
    expect([deviceOf(null), stallsOf(null)]).toEqual(["–", "–"]);
  });

  it("marks what went wrong", () => {
    const tones = ["error", "refused", "stalled", "frames-dropped", "paused"];
    expect(tones.map((kind) => toneOf({ at: "", kind }))).toEqual([
      "failed",
      "failed",
      "waiting",
      "waiting",
      "plain",
    ]);
  });
});
