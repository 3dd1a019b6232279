// Content of a course and one viewer's progress in it, updated by events. Draws nothing.

import type { Course, Lesson, Module, Progress, Role, Video } from "../service/answers.ts";
import type { LiveEvent } from "../service/live.ts";
import { byPlace } from "./lesson_order.ts";

const VIDEO_CHANGES = new Set([
  "video.uploaded",
  "video.processing",
  "video.ready",
  "video.failed",
  "video.updated",
]);

type Change = Partial<Omit<Lesson, "progress">> & {
  id: string;
  progress?: Partial<Progress> | null;
};

export class Outline {
  #viewerId: string;
  #progressOfRemoved = new Map<string, Progress | null>();
  readonly id: string;
  readonly title: string;
  readonly role: Role | null;
  readonly modules: readonly Module[];

  /** `course` is what the server answers. */
  constructor({ id, title, role, modules }: Course, viewerId: string) {
    this.#viewerId = viewerId;
    this.id = id;
    this.title = title;
    this.role = role;
    this.modules = [...modules].sort((a, b) => a.position - b.position);
  }

  get videos(): Lesson[] {
    return this.modules.flatMap((module) => module.videos);
  }

  find(videoId: string): Lesson | undefined {
    return this.videos.find(({ id }) => id === videoId);
  }

  /** True if the event is about a video in a module made since the server answered. */
  lacksModuleOf({ module_id: moduleId }: LiveEvent): boolean {
    return moduleId !== undefined && !this.modules.some(({ id }) => id === moduleId);
  }

  /** Take in an event of the course; true if something is different now. */
  apply(type: string, event: LiveEvent): boolean {
    if (VIDEO_CHANGES.has(type))
      return this.put({ ...(event as unknown as Video), id: event.video_id });
    if (type === "video.deleted") return this.#remove(event.video_id);
    if (type.startsWith("playback.") && event.user_id === this.#viewerId)
      return this.#advance(type, event);
    return false;
  }

  /** Add a video, or change what is known about it; false where its module is unknown. */
  put(change: Change): boolean {
    const known = this.find(change.id);
    const moduleId = known?.module_id ?? change.module_id;
    const module = this.modules.find(({ id }) => id === moduleId);
    if (!module) return false;
    const before = known ?? { progress: this.#progressOfRemoved.get(change.id) ?? null };
    const lesson = { ...before, ...change } as Lesson;
    module.videos = [...module.videos.filter(({ id }) => id !== change.id), lesson];
    // A restored video goes back to its place.
    module.videos.sort(byPlace);
    return true;
  }

  #advance(type: string, event: LiveEvent): boolean {
    const { video_id: id, position, watched_ratio, occurred_at: updated_at } = event;
    const known = this.find(id)?.progress;
    const completed = known?.completed || type === "playback.completed";
    return this.put({ id, progress: { ...known, position, watched_ratio, completed, updated_at } });
  }

  #remove(videoId: string): boolean {
    const video = this.find(videoId);
    const module = this.modules.find(({ id }) => id === video?.module_id);
    if (!video || !module) return false;
    this.#progressOfRemoved.set(videoId, video.progress);
    module.videos = module.videos.filter(({ id }) => id !== videoId);
    return true;
  }
}
