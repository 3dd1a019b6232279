// Videos as a list: the picture of each, its state, how much of it the viewer has seen.

import { clock, el, percent } from "../browser/elements.ts";
import { resumePlace } from "../playback/resume.ts";

export class LessonList {
  #thumbnails;
  #currentId;
  element;

  /** `currentId` is the video being watched on this page; empty when there is none. */
  constructor(thumbnails, { currentId = "", className = "list" } = {}) {
    this.#thumbnails = thumbnails;
    this.#currentId = currentId;
    this.element = el("ol", { className });
  }

  /** Draw these videos, keeping what is on the screen already: the focus, the pictures. */
  show(videos) {
    const focused = this.element.contains(document.activeElement)
      ? document.activeElement.closest("li").dataset.video
      : null;
    this.element.replaceChildren(...videos.map((video) => this.#draw(video)));
    if (!videos.length) this.element.append(el("li", { className: "quiet" }, "Nothing here yet."));
    if (focused) this.element.querySelector(`[data-video="${focused}"] a`)?.focus();
  }

  #draw(video) {
    const item = lessonItem(video, this.#thumbnails, video.id === this.#currentId);
    const picture = this.element.querySelector(`[data-video="${video.id}"] img[src]`);
    if (picture) item.querySelector("img")?.replaceWith(picture);
    return item;
  }
}

function lessonItem(video, thumbnails, isCurrent) {
  const isReady = video.status === "ready";
  const body = [
    picture(video, thumbnails),
    el(
      "span",
      { className: "words" },
      el("span", { className: "title" }, video.title),
      el("span", { className: `meta chip ${chip(video)}` }, meta(video)),
      bar(video),
    ),
  ];
  const row = isReady
    ? el("a", { href: `/watch/${video.id}`, ...(isCurrent && { ariaCurrent: "page" }) }, ...body)
    : el("div", {}, ...body);
  const item = el("li", { className: `lesson ${video.status}` }, row);
  item.dataset.video = video.id;
  return item;
}

function picture(video, thumbnails) {
  const frame = el("span", { className: "picture", ariaHidden: "true" });
  const url = video.thumbnails?.medium ?? Object.values(video.thumbnails ?? {})[0];
  if (url) {
    const image = el("img", { alt: "" });
    frame.append(image);
    thumbnails.show(image, url);
  }
  if (video.duration) frame.append(el("span", { className: "length" }, clock(video.duration)));
  return frame;
}

function meta(video) {
  if (video.status === "processing") return `Being prepared, ${percent(video.processing_ratio)}`;
  if (video.status === "failed") return video.failure?.detail ?? "This file could not be prepared.";
  const { completed, watched_ratio: ratio, position } = video.progress ?? {};
  if (completed) return el("span", { className: "badge" }, "✓ Completed");
  if (video.duration === null && position >= 1) return `At ${clock(position)}`;
  if (!ratio) return "Not started";
  const placeS = resumePlace(position, video.duration);
  return placeS < 1 ? `${percent(ratio)} seen` : `${percent(ratio)} seen, at ${clock(placeS)}`;
}

/** The colour of the chip: how far the viewer, or the video, has come. */
function chip({ status, progress }) {
  if (status !== "ready") return status;
  if (progress?.completed) return "done";
  return progress?.watched_ratio || progress?.position >= 1 ? "begun" : "fresh";
}

function bar(video) {
  if (video.status === "failed") return null;
  const isProcessing = video.status === "processing";
  const value = isProcessing ? video.processing_ratio : (video.progress?.watched_ratio ?? 0);
  const label = isProcessing ? "Preparation" : "Seen";
  return el("progress", { max: 1, value: value ?? 0, ariaLabel: `${label}: ${percent(value)}` });
}
