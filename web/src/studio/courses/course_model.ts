// A course as its teacher edits it: modules, lessons and their states, kept true by events.

import { computed, signal } from "@preact/signals";
import { byPlace } from "../../courses/lesson_order.ts";
import type { Course, Lesson, ModuleWithLessons, Placed } from "../service/answers.ts";
import { placed } from "./ordering/order.ts";

const VIDEO_CHANGES = new Set([
  "video.uploaded",
  "video.processing",
  "video.ready",
  "video.failed",
  "video.updated",
]);

export type VideoChange = Partial<Lesson> & { id: string };

export class CourseModel {
  readonly course = signal<Course | null>(null);
  readonly modules = computed(() => this.course.value?.modules ?? []);
  #holders = 0; // moves that are not yet stored
  readonly lessons = computed(() => this.modules.value.flatMap(({ videos }) => videos));

  /** False while a move is not yet stored. */
  get isAtRest(): boolean {
    return !this.#holders;
  }

  /** Take the server's answer. */
  show(course: Course) {
    const modules = [...course.modules].sort(byPosition);
    this.course.value = { ...course, modules };
  }

  find(videoId: string): Lesson | undefined {
    return this.lessons.value.find(({ id }) => id === videoId);
  }

  /** Take in an event; false when it is about something this page does not know. */
  apply(type: string, event: VideoChange & { video_id: string }): boolean {
    if (type === "video.deleted") this.remove(event.video_id);
    else if (VIDEO_CHANGES.has(type)) return this.put({ ...event, id: event.video_id });
    return true;
  }

  /** Add a lesson, or change what is known about it; false when its module is unknown. */
  put(change: VideoChange): boolean {
    const moduleId = this.find(change.id)?.module_id ?? change.module_id;
    const isKnown = this.modules.value.some(({ id }) => id === moduleId);
    const place = this.#keptPlace(change);
    if (isKnown)
      this.#change((module) =>
        module.id === moduleId ? this.#withLesson(module, { ...change, ...place }) : module,
      );
    return isKnown;
  }

  remove(videoId: string) {
    const without = (videos: Lesson[]) => videos.filter(({ id }) => id !== videoId);
    this.#change((module) => ({ ...module, videos: without(module.videos) }));
  }

  /** Show this order at once; the server is told meanwhile. */
  reorder(modules: ModuleWithLessons[]) {
    const course = this.course.value;
    if (course) this.course.value = { ...course, modules };
  }

  reorderLessons(moduleId: string, videos: Lesson[]) {
    this.#change((module) => (module.id === moduleId ? { ...module, videos } : module));
  }

  /** Let no event put things back until the returned function is called: they are being moved. */
  holdPlaces(): () => void {
    this.#holders += 1;
    return () => {
      this.#holders -= 1;
      if (this.#holders) return;
      this.reorder([...this.modules.value].sort(byPosition));
      this.#change((module) => ({ ...module, videos: [...module.videos].sort(byPlace) }));
    };
  }

  /** The positions that the service gave to modules or lessons, which stand in their order. */
  takePlaces(given: readonly Placed[]) {
    this.reorder(placed(this.modules.value, given));
    this.#change((module) => ({ ...module, videos: placed(module.videos, given) }));
  }

  /** The place of a known lesson, where the change has none that is newer. */
  #keptPlace({ id, updated_at: updatedAt }: VideoChange): Pick<Lesson, "position"> | null {
    const known = this.find(id);
    if (!known) return null;
    const isOlder = updatedAt !== undefined && Date.parse(updatedAt) < Date.parse(known.updated_at);
    return this.#holders || isOlder ? { position: known.position } : null;
  }

  #withLesson(module: ModuleWithLessons, change: VideoChange): ModuleWithLessons {
    const place = module.videos.findIndex(({ id }) => id === change.id);
    const lesson = { ...module.videos[place], ...defined(change) } as Lesson;
    const videos = place < 0 ? [...module.videos, lesson] : module.videos.with(place, lesson);
    return { ...module, videos: this.#holders ? videos : videos.sort(byPlace) };
  }

  #change(change: (module: ModuleWithLessons) => ModuleWithLessons) {
    this.reorder(this.modules.value.map(change));
  }
}

function byPosition(a: ModuleWithLessons, b: ModuleWithLessons): number {
  return a.position - b.position || (a.id < b.id ? -1 : 1);
}

/** Events of processing bring the ratio alone. */
function defined(change: VideoChange): VideoChange {
  const entries = Object.entries(change).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as VideoChange;
}
