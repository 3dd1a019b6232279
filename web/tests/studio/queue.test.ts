import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Job, mayResume } from "../../src/studio/uploads/job.ts";
import { AT_ONCE, UploadQueue } from "../../src/studio/uploads/queue.ts";
import type { JobStore, KeptFile } from "../../src/studio/uploads/store.ts";
import type { TransferHooks } from "../../src/studio/uploads/transfer.ts";

class MemoryStore implements JobStore {
  jobs = new Map<string, Job>();
  files = new Map<string, KeptFile>();

  async list() {
    return [...this.jobs.values()];
  }

  async put(job: Job) {
    this.jobs.set(job.id, job);
  }

  async delete(id: string) {
    this.jobs.delete(id);
    this.files.delete(id);
  }

  async keepFile(id: string, file: File) {
    this.files.set(id, { copy: file });
  }

  async keptFile(id: string) {
    return this.files.get(id) ?? {};
  }
}

interface Sending {
  job: Job;
  hooks: TransferHooks;
  isStopped: boolean;
}

const TARGET = { userId: "tess", courseId: "c1", moduleId: "m1" };
let store: MemoryStore;
let sendings: Sending[];
let terminated: string[];
let leaving: AbortController;

function openQueue(): UploadQueue {
  leaving = new AbortController();
  return new UploadQueue({
    userId: "tess",
    store,
    start(job, _file, hooks) {
      const sending = { job, hooks, isStopped: false };
      sendings.push(sending);
      return {
        stop() {
          sending.isStopped = true;
        },
      };
    },
    terminate: async (url) => void terminated.push(url),
    signal: leaving.signal,
  });
}

function files(...names: string[]) {
  return names.map((name) => ({ file: new File(["bytes"], name), handle: null }));
}

function states(queue: UploadQueue) {
  return queue.jobs.value.map(({ title, state }) => `${title} ${state}`);
}

async function settle() {
  await vi.advanceTimersByTimeAsync(0);
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("BroadcastChannel", undefined); // one page alone
  vi.stubGlobal("navigator", {});
  store = new MemoryStore();
  sendings = [];
  terminated = [];
});

afterEach(() => {
  leaving.abort();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

async function filled(...names: string[]): Promise<UploadQueue> {
  const queue = openQueue();
  await queue.open();
  await queue.add(files(...names), TARGET);
  await settle();
  return queue;
}

test("sends a few at once, in the order of names, and the next when one has ended", async () => {
  const queue = await filled("b 10.mp4", "b 2.mp4", "a.mp4");
  expect(AT_ONCE).toBe(2);
  expect(states(queue)).toEqual(["a sending", "b 2 sending", "b 10 queued"]);

  sendings[0]?.hooks.finished("v1");
  await settle();

  expect(states(queue)).toEqual(["a sent", "b 2 sending", "b 10 sending"]);
  expect(queue.jobs.value[0]?.videoId).toBe("v1");
  expect([...store.jobs.values()].map(({ title }) => title)).toEqual(["b 2", "b 10"]);
});

test("goes on where it was after a reload", async () => {
  await filled("a.mp4");
  sendings[0]?.hooks.located("/api/v1/uploads/u1");
  sendings[0]?.hooks.progressed(3);
  leaving.abort();

  const later = openQueue();
  await later.open();
  await settle();

  expect(sendings[1]?.job).toMatchObject({ uploadUrl: "/api/v1/uploads/u1", offset: 3 });
  expect(states(later)).toEqual(["a sending"]);
});

test("asks for the file where the browser has kept none, and takes the same one only", async () => {
  await filled("a.mp4");
  leaving.abort();
  store.files.clear();
  const later = openQueue();
  await later.open();
  await settle();
  expect(later.jobs.value[0]).toMatchObject({ state: "lost", trouble: { code: "file-gone" } });
  const id = later.jobs.value[0]?.id ?? "";

  expect(await later.give(id, { file: new File(["others"], "a.mp4"), handle: null })).toBe(false);
  expect(await later.give(id, { file: new File(["bytes"], "a.mp4"), handle: null })).toBe(true);
  await settle();

  expect(states(later)).toEqual(["a sending"]);
});

test("waits when the network is away, longer each time, and goes on by itself", async () => {
  const queue = await filled("a.mp4");
  sendings[0]?.hooks.failed(0, "", "");
  expect(queue.jobs.value[0]).toMatchObject({ state: "waiting", trouble: { code: "0" } });

  await vi.advanceTimersByTimeAsync(1_000);
  expect(sendings).toHaveLength(2);
  sendings[1]?.hooks.failed(503, "unavailable", "away");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sendings).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(sendings).toHaveLength(3);
});

test.each([
  [413, "too-large"],
  [415, "unsupported-format"],
  [422, "no-video"],
  [507, "over-quota"],
  [403, "not-allowed"],
])("does not try again after %i %s", async (status, code) => {
  const queue = await filled("a.mp4");
  sendings[0]?.hooks.failed(status, code, "because");
  await vi.advanceTimersByTimeAsync(120_000);

  expect(sendings).toHaveLength(1);
  expect(queue.jobs.value[0]).toMatchObject({ state: "refused", trouble: { code } });
});

test("goes on once the teacher has signed in again", async () => {
  const queue = await filled("a.mp4");
  sendings[0]?.hooks.failed(401, "invalid-token", "Please sign in.");
  expect(queue.jobs.value[0]).toMatchObject({ state: "lost", trouble: { code: "invalid-token" } });
  leaving.abort();

  const later = openQueue();
  await later.open();
  await settle();

  expect(states(later)).toEqual(["a sending"]);
});

test("goes on in the same page, too, once the teacher says so", async () => {
  const queue = await filled("a.mp4");
  sendings[0]?.hooks.failed(401, "invalid-token", "Please sign in.");
  const job = queue.jobs.value[0] as Job;
  expect(mayResume(job)).toBe(true);

  await queue.resume(job.id);
  await settle();

  expect(states(queue)).toEqual(["a sending"]);
  expect(mayResume(queue.jobs.value[0] as Job)).toBe(false);
});

test.each([
  ["paused", null, true],
  ["lost", "no-permission", true],
  ["lost", "file-gone", false],
  ["lost", "file-changed", false],
  ["refused", "invalid-token", false],
] as const)("%s by %s may be resumed: %s", async (state, code, expected) => {
  const queue = await filled("a.mp4");
  const job = queue.jobs.value[0] as Job;
  expect(mayResume({ ...job, state, trouble: code && { code, detail: "" } })).toBe(expected);
});

test("a pause stops the transfer and frees its place", async () => {
  const queue = await filled("a.mp4", "b.mp4", "c.mp4");
  const id = queue.jobs.value[0]?.id ?? "";

  queue.pause(id);
  await settle();
  expect(sendings[0]?.isStopped).toBe(true);
  expect(states(queue)).toEqual(["a paused", "b sending", "c sending"]);

  await queue.resume(id);
  await settle();
  expect(states(queue)).toEqual(["a queued", "b sending", "c sending"]);
});

test("cancelling takes away what the server has", async () => {
  const queue = await filled("a.mp4");
  sendings[0]?.hooks.located("/api/v1/uploads/u1");

  await queue.cancel(queue.jobs.value[0]?.id ?? "");

  expect(sendings[0]?.isStopped).toBe(true);
  expect(terminated).toEqual(["/api/v1/uploads/u1"]);
  expect(queue.jobs.value).toEqual([]);
  expect(store.jobs.size).toBe(0);
});

test("what a stopped transfer says later changes nothing", async () => {
  const queue = await filled("a.mp4");
  await queue.cancel(queue.jobs.value[0]?.id ?? "");
  sendings[0]?.hooks.progressed(4);
  sendings[0]?.hooks.located("/late");

  expect(queue.jobs.value).toEqual([]);
  expect(store.jobs.size).toBe(0);
});
