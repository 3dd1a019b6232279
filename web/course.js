// A course as a list of modules and lessons, kept true by events.

import { LessonList } from "./lesson.js";
import { uploadForm } from "./upload.js";
import { el } from "./elements.js";

const VIDEO_CHANGES = new Set([
  "video.uploaded", "video.processing", "video.ready", "video.failed", "video.updated",
]);

export class CourseView {
  #course;
  #viewer;
  #api;
  #thumbnails;
  #lists = new Map();
  #forms = new Map();
  #summary = el("p", { className: "quiet" });
  element = el("section", { className: "course" });

  constructor(course, viewer, api, thumbnails) {
    this.#viewer = viewer;
    this.#api = api;
    this.#thumbnails = thumbnails;
    this.show(course);
  }

  get isTaught() {
    return this.#course.role === "instructor" || this.#viewer.isPrivileged;
  }

  get videos() {
    return this.#course.modules.flatMap((module) => module.videos);
  }

  titleOf(videoId) {
    return this.#find(videoId)?.title ?? null;
  }

  /** Draw the course anew, as the server tells it now. */
  show(course) {
    this.#course = course;
    this.#lists.clear();
    const modules = [...course.modules].sort((a, b) => a.position - b.position);
    this.#summary.textContent = this.#summarize();
    this.element.replaceChildren(
      el("header", {}, el("h1", {}, course.title), this.#summary),
      ...modules.map((module) => this.#drawModule(module)),
      modules.length ? "" : el("p", { className: "quiet" }, "This course has no modules yet."),
    );
  }

  apply(type, event) {
    if (VIDEO_CHANGES.has(type)) this.put({ ...event, id: event.video_id });
    else if (type === "video.deleted") this.#remove(event.video_id);
    else if (type.startsWith("playback.") && event.user_id === this.#viewer.userId) this.#advance(type, event);
  }

  /** Add a video, or change what is known about it. */
  put(change) {
    const known = this.#find(change.id);
    const video = Object.assign(known ?? { progress: null }, change);
    const module = this.#course.modules.find(({ id }) => id === video.module_id);
    if (!module) return;
    if (!known) module.videos.push(video);
    this.#redraw(module);
  }

  #advance(type, event) {
    const video = this.#find(event.video_id);
    if (!video) return;
    video.progress = {
      ...video.progress,
      position: event.position,
      watched_ratio: event.watched_ratio,
      completed: video.progress?.completed || type === "playback.completed",
    };
    this.put(video);
  }

  #remove(videoId) {
    for (const module of this.#course.modules) {
      module.videos = module.videos.filter(({ id }) => id !== videoId);
      this.#redraw(module);
    }
  }

  #find(videoId) {
    return this.videos.find(({ id }) => id === videoId);
  }

  #summarize() {
    const ready = this.videos.filter(({ status }) => status === "ready");
    const completed = ready.filter(({ progress }) => progress?.completed).length;
    const lessons = `${ready.length} ${ready.length === 1 ? "video" : "videos"}`;
    if (this.isTaught) return `${lessons}. You teach this course.`;
    return completed ? `${lessons}, ${completed} completed.` : `${lessons}.`;
  }

  #drawModule(module) {
    const list = new LessonList(this.#thumbnails);
    this.#lists.set(module.id, list);
    this.#redraw(module);
    const form = this.isTaught && this.#formOf(module);
    return el("section", { className: "module" }, el("h2", {}, module.title), list.element, form);
  }

  // Kept when the course is drawn anew: an upload may be under way in it.
  #formOf(module) {
    if (!this.#forms.has(module.id)) {
      this.#forms.set(module.id, uploadForm(this.#api, module, (video) => this.put(video)));
    }
    return this.#forms.get(module.id);
  }

  #redraw(module) {
    this.#lists.get(module.id).show(module.videos);
    this.#summary.textContent = this.#summarize();
  }
}
