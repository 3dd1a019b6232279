// What the page of a lesson shows beside the player, kept true by events and by the player's own.

import { computed, signal } from "@preact/signals";
import { Activity } from "../../courses/activity.tsx";
import { Outline } from "../../courses/outline.ts";
import { heatOf } from "../../dashboard/charts/curve.ts";
import { type VideoFigures, videoFiguresUrl } from "../../dashboard/service/figures.ts";
import type {
  CourseVideoElement,
  CourseVideoEvents,
  ProblemDetail,
} from "../../element/course-video.ts";
import type { Lesson, Progress } from "../../service/answers.ts";
import type { Api } from "../../service/api.ts";
import { ApiError } from "../../service/client.ts";
import { followEvents, type LiveEvent } from "../../service/live.ts";
import type { Viewer } from "../../session/viewer.ts";
import { text } from "../../texts/texts.ts";
import { leave, noteTeaching } from "../presence.ts";

const REFUSALS = [401, 403, 404];

export class Lecture {
  #player: CourseVideoElement;
  #viewer: Viewer;
  #courseId: string | null = null;
  #hasFailed = false;
  readonly videoId: string;
  readonly api: Api;
  readonly activity = new Activity();
  readonly title = signal("");
  readonly error = signal<unknown>(null);
  readonly progress = signal<Pick<Progress, "completed" | "watched_ratio"> | null>(null);
  /** One for all its life; announced whenever something in it has changed. */
  readonly course = signal<{ outline: Outline } | null>(null);
  readonly lessons = computed(() => ready(this.course.value?.outline));
  readonly next = computed(() => this.#after(this.lessons.value));

  constructor(player: CourseVideoElement, videoId: string, viewer: Viewer, api: Api) {
    this.#player = player;
    this.#viewer = viewer;
    this.videoId = videoId;
    this.api = api;
    player.addEventListener("course-progress", (event) => this.#showProgress(detail(event)));
    player.addEventListener("course-error", (event) => this.#hearOfProblem(detail(event)));
    player.addEventListener("course-ready", (event) => this.#begin(detail(event)));
    this.next.subscribe((next) => this.#offer(next));
  }

  get isTaught(): boolean {
    const role = this.course.value?.outline.role;
    return role === "instructor" || (role !== undefined && this.#viewer.isPrivileged);
  }

  async open() {
    followEvents(this.api, this.#viewer.userId, (type, event) => this.#apply(type, event));
    await this.describe();
  }

  /** Say what this video is and what else is in its course. */
  async describe() {
    try {
      const video = await this.api.video(this.videoId);
      this.#courseId = video.course_id;
      this.#showTitle(video.title);
      const course = await this.api.course(video.course_id);
      const outline = new Outline(course, this.#viewer.userId);
      this.course.value = { outline };
      this.progress.value = outline.find(this.videoId)?.progress ?? this.progress.value;
      if (course.role === "instructor") noteTeaching(this.#viewer);
      if (this.isTaught) void this.#showHeat();
      this.error.value = null;
    } catch (error) {
      // What is refused to the player as well, it says by itself.
      const isRefused = error instanceof ApiError && REFUSALS.includes(error.status);
      if (!this.#hasFailed && !isRefused) this.error.value = error;
    }
  }

  async #showHeat() {
    const url = videoFiguresUrl(this.videoId, null);
    const figures = await this.api.read<VideoFigures>(url).catch(() => null); // it is an extra
    const retention = figures?.retention;
    if (retention) this.#player.heat = { stepS: retention.step, plays: heatOf(retention) };
  }

  // The copy on this device plays without what is around it.
  #begin({ offlineTitle }: CourseVideoEvents["course-ready"]) {
    this.#hasFailed = false;
    if (!offlineTitle) return;
    this.#showTitle(offlineTitle);
    this.error.value = null;
  }

  #apply(type: string, event: LiveEvent) {
    if (type === "reset") return void this.describe();
    const isMine = event.user_id === this.#viewer.userId;
    if (type === "enrollment.changed") {
      if (isMine && event.role !== null) void this.describe();
      return;
    }
    if (event.course_id === this.#courseId) this.#changeCourse(type, event);
    if (event.video_id !== this.videoId) return;
    if (type === "video.updated") this.#showTitle(event.title);
    if (type.startsWith("playback.") && !isMine) this.activity.apply(type, event);
    if (type === "playback.completed" && isMine)
      this.progress.value = { watched_ratio: event.watched_ratio, completed: true };
  }

  #changeCourse(type: string, event: LiveEvent) {
    const { outline } = this.course.peek() ?? {};
    if (type !== "video.deleted" && outline?.lacksModuleOf(event)) return void this.describe();
    if (outline?.apply(type, event)) this.course.value = { outline };
  }

  #hearOfProblem({ status }: ProblemDetail) {
    this.#hasFailed = true;
    if (status === 401) leave("ended");
  }

  #showProgress(progress: Progress) {
    this.progress.value = progress;
    const { outline } = this.course.peek() ?? {};
    if (outline?.put({ id: this.videoId, progress })) this.course.value = { outline };
  }

  #showTitle(title: string) {
    this.title.value = title;
    document.title = `${title} · ${text("common.brand")}`;
    this.#player.videoTitle = title;
  }

  #after(lessons: readonly Lesson[]): Lesson | null {
    const place = lessons.findIndex(({ id }) => id === this.videoId);
    return (place < 0 ? undefined : lessons[place + 1]) ?? null;
  }

  #offer(next: Lesson | null) {
    const offered = next && { title: next.title, href: `/watch/${next.id}`, video: next.id };
    if (this.#player.next?.href !== offered?.href) this.#player.next = offered;
  }
}

function ready(outline: Outline | undefined): Lesson[] {
  return outline?.videos.filter(({ status }) => status === "ready") ?? [];
}

function detail<T>(event: Event): T {
  return (event as CustomEvent<T>).detail;
}
