// The page of one video: the player, what the video is, and the lessons around it.

import type {
  CourseVideoElement,
  CourseVideoEvents,
  ProblemDetail,
} from "../element/course-video.ts";
import "../element/course-video.ts";
import { el, percent } from "../browser/elements.ts";
import type { Progress, Video } from "../service/answers.ts";
import { ApiError } from "../service/client.ts";
import { followEvents, type LiveEvent } from "../service/live.ts";
import { Service } from "../service/service.ts";
import { Activity } from "./activity.js";
import { Api } from "./api.js";
import { adoptIdentity, retireToken } from "./identity.js";
import { LessonList } from "./lesson.js";
import { explain, showViewer } from "./notices.js";
import { Outline } from "./outline.js";
import { showSignIn } from "./sign_in.js";
import { Thumbnails } from "./thumbnails.js";

const REFUSALS = [401, 403, 404];

type Ready = CourseVideoEvents["course-ready"];

interface Identity {
  token: string;
  userId: string;
  name: string;
  isPrivileged: boolean;
}

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

async function open() {
  const identity: Identity | null = await adoptIdentity();
  const videoId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
  if (!identity)
    return (await isServiceAway()) ? playAlone(videoId) : showSignIn("Please sign in.");
  showViewer(identity);
  const page = new WatchPage(identity, videoId);
  page.play();
  followEvents(page.api, identity.userId, (type, event) => page.apply(type, event));
  await page.describe();
}

/** True on a page that comes from this device because the service does not answer. */
async function isServiceAway(): Promise<boolean> {
  if (!navigator.serviceWorker?.controller) return false;
  return !(await new Service(location.origin, () => null).isReachable());
}

/** Play a kept lesson where nobody is signed in: a browser that was restarted knows nobody. */
function playAlone(videoId: string) {
  const player = byId("player") as CourseVideoElement;
  player.addEventListener("course-ready", (event) => showTitle(detail<Ready>(event).offlineTitle));
  player.getToken = () => null;
  player.video = videoId;
}

function showTitle(title: string | null) {
  if (!title) return;
  byId("title").textContent = title;
  document.title = `${title} · coursestream`;
}

class WatchPage {
  #identity: Identity;
  #videoId: string;
  #player = byId("player") as CourseVideoElement;
  #video: Video | null = null;
  #outline: Outline | null = null;
  #lessonList: LessonList;
  #activity: Activity | null = null;
  #hasFailed = false;
  readonly api: Api;

  constructor(identity: Identity, videoId: string) {
    this.#identity = identity;
    this.#videoId = videoId;
    this.api = new Api(identity);
    this.#lessonList = new LessonList(new Thumbnails(this.api), {
      currentId: videoId,
      className: "list small",
    });
    const player = this.#player;
    player.addEventListener("course-progress", (event) => this.#showProgress(detail(event)));
    player.addEventListener("course-error", (event) => this.#hearOfProblem(detail(event)));
    player.addEventListener("course-ready", (event) => {
      this.#hasFailed = false;
      showTitle(detail<Ready>(event).offlineTitle);
    });
  }

  play() {
    const { token } = this.#identity;
    this.#player.getToken = (isRefused) => {
      if (isRefused) retireToken(token);
      return isRefused ? null : token;
    };
    this.#player.video = this.#videoId;
  }

  /** Say what this video is and what else is in its course. */
  async describe() {
    try {
      const video: Video = await this.api.video(this.#videoId);
      this.#video = video;
      this.#showTitle(video.title);
      const course = await this.api.course(video.course_id);
      this.#outline = new Outline(course, this.#identity.userId);
      this.#showCourse(video);
    } catch (error) {
      // What is refused to the player as well, it says by itself.
      const isRefused = error instanceof ApiError && REFUSALS.includes(error.status);
      if (!this.#hasFailed && !isRefused) explain(error);
    }
  }

  apply(type: string, event: LiveEvent) {
    if (type === "reset") return void this.describe();
    if (type === "enrollment.changed") return this.#changeEnrollment(event);
    if (event.course_id === this.#video?.course_id) this.#changeCourse(type, event);
    if (event.video_id !== this.#videoId) return;
    if (type === "video.updated") this.#showTitle(event.title);
    const isMine = event.user_id === this.#identity.userId;
    if (type.startsWith("playback.") && !isMine) this.#activity?.apply(type, event);
    if (type === "playback.completed" && isMine) byId("badge").hidden = false;
  }

  #changeEnrollment(event: LiveEvent) {
    if (event.user_id === this.#identity.userId && event.role !== null) void this.describe();
  }

  #changeCourse(type: string, event: LiveEvent) {
    if (type !== "video.deleted" && this.#outline?.lacksModuleOf(event))
      return void this.describe();
    if (this.#outline?.apply(type, event)) this.#showLessons();
  }

  #hearOfProblem({ status }: ProblemDetail) {
    this.#hasFailed = true;
    if (status === 401) void showSignIn("Your sign-in has ended.");
  }

  #showProgress(progress: Progress) {
    byId("badge").hidden = !progress.completed;
    byId("ratio").textContent = `${percent(progress.watched_ratio)} seen`;
    if (this.#outline?.put({ id: this.#videoId, progress })) this.#showLessons();
  }

  #showTitle(title: string) {
    showTitle(title);
    this.#player.videoTitle = title;
  }

  #showCourse(video: Video) {
    const { title, role, modules } = this.#outline as Outline;
    const module = modules.find(({ id }: { id: string }) => id === video.module_id);
    byId("crumb").textContent = [title, module?.title].filter(Boolean).join(" · ");
    byId("lessons").replaceChildren(el("h2", {}, "In this course"), this.#lessonList.element);
    this.#showLessons();
    const mine: Progress | null = this.#outline?.find(this.#videoId)?.progress;
    if (mine) {
      byId("badge").hidden = !mine.completed;
      byId("ratio").textContent = `${percent(mine.watched_ratio)} seen`;
    }
    if (role === "instructor" || this.#identity.isPrivileged) {
      this.#activity ??= new Activity(byId("activity"), () => null);
    }
  }

  #showLessons() {
    this.#lessonList.show(this.#lessons);
    this.#offerNext();
  }

  get #lessons(): Video[] {
    const videos: Video[] = this.#outline?.videos ?? [];
    return videos.filter(({ status }) => status === "ready");
  }

  #offerNext() {
    const lessons = this.#lessons;
    const place = lessons.findIndex(({ id }) => id === this.#videoId);
    const next = place < 0 ? undefined : lessons[place + 1];
    const offered = next ? { title: next.title, href: `/watch/${next.id}`, video: next.id } : null;
    if (this.#player.next?.href !== offered?.href) this.#player.next = offered;
    byId("next").hidden = !offered;
    if (offered)
      byId("next").replaceChildren("Next: ", el("a", { href: offered.href }, offered.title));
  }
}

function detail<T>(event: Event): T {
  return (event as CustomEvent<T>).detail;
}

open().catch(explain);
