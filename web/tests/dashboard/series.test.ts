import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { everyDay, figureOf, firstDay } from "../../src/dashboard/charts/days.ts";
import { MOST_RATES, ratesOf, withSample } from "../../src/dashboard/charts/rates.ts";
import { dayTicks, filmTicks, WHOLE_STEPS } from "../../src/dashboard/charts/ticks.ts";
import { Refresher } from "../../src/dashboard/parts/refresher.ts";
import { routeOf } from "../../src/dashboard/service/routes.ts";

const NOW = new Date("2026-03-02T00:30:00Z");

const on = (day: string, viewers = 1) => ({
  day,
  viewers,
  sessions: 2,
  watched_seconds: 5400,
  bytes: 700,
});

describe("days", () => {
  it.each([
    ["week", "2026-02-24"],
    ["month", "2026-02-01"],
    ["quarter", "2025-12-03"],
    ["all", null],
  ] as const)("of a %s begin on %s", (period, day) => expect(firstDay(period, NOW)).toBe(day));

  it("without viewers are there, with nothing", () => {
    const days = everyDay([on("2026-02-27", 4)], "2026-02-24", NOW);
    expect(days.map(({ day }) => day.slice(5)).join()).toBe(
      "02-24,02-25,02-26,02-27,02-28,03-01,03-02",
    );
    expect(days.map(({ viewers }) => viewers)).toEqual([0, 0, 0, 4, 0, 0, 0]);
  });

  it("of all time begin with the first, and are a week at least", () => {
    expect(everyDay([on("2026-01-01")], null, NOW)).toHaveLength(61);
    expect(everyDay([on("2026-03-01")], null, NOW)).toHaveLength(7);
    expect(everyDay([], null, NOW)).toHaveLength(7);
  });

  it("show hours of what was watched, and counts of the rest", () => {
    const day = on("2026-03-01", 3);
    const shown = (["viewers", "watched", "sessions", "bytes"] as const).map((metric) =>
      figureOf(day, metric),
    );
    expect(shown).toEqual([3, 1.5, 2, 700]);
  });
});

describe("marks", () => {
  it.each([
    [10, 5, [0, 2, 4, 6, 8, 10]],
    [754, 6, [0, 300, 600]],
    [5400, 6, [0, 900, 1800, 2700, 3600, 4500, 5400]],
    [200_000, 4, [0, 57_600, 115_200, 172_800]],
  ])("of a film of %d s are round", (durationS, most, marks) =>
    expect(filmTicks(durationS, most)).toEqual(marks),
  );

  it.each([
    [7, 10, [0, 1, 2, 3, 4, 5, 6]],
    [30, 5, [5, 11, 17, 23, 29]],
    [1, 5, [0]],
    [0, 5, []],
  ])("of %d days are %d at most, the last among them", (count, most, marks) =>
    expect(dayTicks(count, most)).toEqual(marks),
  );

  it("of what is counted are whole", () =>
    expect(WHOLE_STEPS.slice(0, 5)).toEqual([1, 2, 5, 10, 20]));
});

describe("rates", () => {
  const sample = (atMs: number, bytes: number, reports = 0) => ({ atMs, bytes, reports });

  it("are what came between two samples", () =>
    expect(ratesOf([sample(0, 100, 1), sample(2_000, 500, 2), sample(4_000, 500, 8)])).toEqual([
      { atMs: 2_000, bytesPerS: 200, reportsPerS: 0.5 },
      { atMs: 4_000, bytesPerS: 0, reportsPerS: 3 },
    ]));

  it("are none below zero when a process begins anew", () =>
    expect(ratesOf([sample(0, 900, 9), sample(1_000, 10, 1)])[0]).toMatchObject({
      bytesPerS: 0,
      reportsPerS: 0,
    }));

  it("are kept for a while alone", () => {
    let kept = [sample(0, 0)];
    for (let number = 1; number < 200; number += 1) kept = withSample(kept, sample(number, 0));
    expect(kept).toHaveLength(MOST_RATES);
    expect(kept.at(-1)?.atMs).toBe(199);
  });
});

describe("the address", () => {
  it.each([
    ["/dashboard", { page: "courses" }],
    ["/dashboard/", { page: "courses" }],
    ["/dashboard/courses/c%2D1", { page: "course", courseId: "c-1" }],
    ["/dashboard/videos/v1", { page: "video", videoId: "v1" }],
    ["/dashboard/server", { page: "server" }],
    ["/dashboard/server/more", null],
    ["/dashboard/sessions", { page: "sessions" }],
    ["/dashboard/sessions/s%2D1", { page: "session", sessionId: "s-1" }],
    ["/dashboard/courses", null],
    ["/dashboard/courses/c1/more", null],
    ["/studio", null],
  ])("%s is a page", (path, route) => expect(routeOf(path)).toEqual(route));
});

describe("a refresher", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("reads at once, then once for all that is asked meanwhile", async () => {
    const run = vi.fn(async () => {});
    const refresher = new Refresher(run, 1_000);
    refresher.ask();
    await vi.advanceTimersByTimeAsync(0);
    expect(run).toHaveBeenCalledTimes(1);
    for (let number = 0; number < 5; number += 1) refresher.ask();
    await vi.advanceTimersByTimeAsync(999);
    expect(run).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(run).toHaveBeenCalledTimes(2);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(run).toHaveBeenCalledTimes(2);
  });

  it("reads again what changed while it read, and nothing once stopped", async () => {
    let answer = () => {};
    const run = vi.fn(() => new Promise<void>((resolve) => (answer = resolve)));
    const refresher = new Refresher(run, 1_000);
    refresher.ask();
    await vi.advanceTimersByTimeAsync(0);
    refresher.ask();
    answer();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(run).toHaveBeenCalledTimes(2);
    refresher.ask();
    refresher.stop();
    answer();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(run).toHaveBeenCalledTimes(2);
  });
});
