// The viewer's courses, loaded once and then kept true by events.

import { computed, signal } from "@preact/signals";
import { Activity } from "../../courses/activity.tsx";
import { Outline } from "../../courses/outline.ts";
import { deliverLeftovers } from "../../progress/leftovers.ts";
import type { Api } from "../../service/api.ts";
import { followEvents, type LiveEvent } from "../../service/live.ts";
import type { Viewer } from "../../session/viewer.ts";

// Events tell of progress at once; this is for what happened while none could.
const RECHECK_MS = 15_000;
const AT_ONCE = 6;

export class Shelf {
  readonly viewer: Viewer;
  readonly api: Api;
  readonly activity = new Activity();
  /** Null until they are loaded; a new array whenever anything in it has changed. */
  readonly courses = signal<readonly Outline[] | null>(null);
  readonly error = signal<unknown>(null);
  readonly teaches = computed(() => this.courses.value?.some((one) => this.isTaught(one)) ?? false);

  constructor(viewer: Viewer, api: Api) {
    this.viewer = viewer;
    this.api = api;
  }

  /** Load the courses and follow them until the signal aborts. */
  async open(until: AbortSignal) {
    const listener = (type: string, event: LiveEvent) => this.#apply(type, event);
    followEvents(this.api, this.viewer.userId, listener, until);
    await this.refresh();
    const timer = setInterval(() => void this.#recheckUnfinished(), RECHECK_MS);
    until.addEventListener("abort", () => clearInterval(timer));
    const owner = { server: location.origin, userId: this.viewer.userId };
    await deliverLeftovers(owner, (id, report) => this.api.report(id, report));
  }

  async refresh() {
    try {
      const summaries = await this.api.courses();
      this.courses.value = await inTurns(summaries, async ({ id }) => {
        const course = await this.api.course(id);
        return new Outline(course, this.viewer.userId);
      });
      this.error.value = null;
    } catch (error) {
      this.error.value = error;
    }
  }

  isTaught({ role }: Outline): boolean {
    return role === "instructor" || this.viewer.isPrivileged;
  }

  titleOf(videoId: string): string | null {
    const found = this.courses.value?.map((one) => one.find(videoId)).find(Boolean);
    return found?.title ?? null;
  }

  #apply(type: string, event: LiveEvent) {
    const isMine = event.user_id === this.viewer.userId;
    if (type === "reset" || (type === "enrollment.changed" && isMine)) return void this.refresh();
    const course = this.courses.value?.find(({ id }) => id === event.course_id);
    if (type !== "video.deleted" && course?.lacksModuleOf(event)) return void this.refresh();
    if (course?.apply(type, event)) this.#announce();
    if (!isMine) this.activity.apply(type, event);
  }

  async #recheckUnfinished() {
    for (const course of this.courses.value ?? []) {
      for (const { id } of course.videos.filter(({ status }) => status === "processing")) {
        // The next round asks again; the list on the screen stays.
        const video = await this.api.video(id).catch(() => null);
        if (video && course.put(video)) this.#announce();
      }
    }
  }

  #announce() {
    this.courses.value = [...(this.courses.value ?? [])];
  }
}

/** `make` of each item, in their order, a few at a time. */
async function inTurns<Item, Made>(items: Item[], make: (item: Item) => Promise<Made>) {
  const made: Made[] = [];
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const at = next++;
      made[at] = await make(items[at] as Item);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return made;
}
