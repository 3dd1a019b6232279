// A course as a list of modules and lessons, kept true by events.

import { el } from "../browser/elements.ts";
import { LessonList } from "./lesson.js";
import { Outline } from "./outline.js";
import { uploadForm } from "./upload.js";

export class CourseView {
  #outline;
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
    return this.#outline.role === "instructor" || this.#viewer.isPrivileged;
  }

  get videos() {
    return this.#outline.videos;
  }

  titleOf(videoId) {
    return this.#outline.find(videoId)?.title ?? null;
  }

  /** Draw the course anew from the server's answer. */
  show(course) {
    this.#outline = new Outline(course, this.#viewer.userId);
    this.#lists.clear();
    const { modules } = this.#outline;
    this.#summary.textContent = this.#summarize();
    this.element.replaceChildren(
      el("header", {}, el("h1", {}, course.title), this.#summary),
      ...modules.map((module) => this.#drawModule(module)),
      modules.length ? "" : el("p", { className: "quiet" }, "This course has no modules yet."),
    );
  }

  /** True if the event's video is in a module that this page does not know. */
  lacksModuleOf(event) {
    return this.#outline.lacksModuleOf(event);
  }

  apply(type, event) {
    this.#redrawKnown(this.#outline.apply(type, event));
  }

  /** Add a video, or change what is known about it. */
  put(video) {
    this.#redrawKnown(this.#outline.put(video));
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
      this.#forms.set(
        module.id,
        uploadForm(this.#api, module, (video) => this.put(video)),
      );
    }
    return this.#forms.get(module.id);
  }

  #redrawKnown(module) {
    if (module) this.#redraw(module);
  }

  #redraw(module) {
    this.#lists.get(module.id).show(module.videos);
    this.#summary.textContent = this.#summarize();
  }
}
