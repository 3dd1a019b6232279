// The page of one video: plays it, resumes, reports, and hears what happens elsewhere.

import { Activity } from "./activity.js";
import { Api, ApiError } from "./api.js";
import { clock, el, percent } from "./elements.js";
import { adoptIdentity } from "./identity.js";
import { LessonList } from "./lesson.js";
import { followEvents } from "./live.js";
import { explain, notify, showViewer } from "./notices.js";
import { deliverLeftovers, Outbox } from "./outbox.js";
import { openPlayback, reclaimSession } from "./playback.js";
import { Player } from "./player.js";
import { Reporter } from "./reporter.js";
import { drawSeen } from "./seen.js";
import { showSignIn } from "./sign_in.js";
import { Thumbnails } from "./thumbnails.js";

const LEFTOVERS_MS = 3_000;
// Nearer than this the other page is where this one is.
const ELSEWHERE_S = 5;

const byId = (id) => document.getElementById(id);

async function open() {
  const identity = await adoptIdentity();
  if (!identity) return showSignIn("Please sign in.");
  showViewer(identity);
  const page = new WatchPage(identity, decodeURIComponent(location.pathname.split("/")[2] ?? ""));
  followEvents(page.api, identity.userId, (type, event) => page.apply(type, event));
  await Promise.all([page.play(), page.describe()]);
}

class WatchPage {
  #identity;
  #videoId;
  #videoElement = byId("video");
  #video = null;
  #course = null;
  #lessons = [];
  #lessonList = null;
  #isOpening = false;
  #playback = null;
  #player = null;
  #activity = null;

  constructor(identity, videoId) {
    this.#identity = identity;
    this.#videoId = videoId;
    this.api = new Api(identity);
  }

  /** Ask for a grant and play by it, from where the viewer was. */
  async play() {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const key = { userId: this.#identity.userId, videoId: this.#videoId };
    try {
      const kept = await reclaimSession(key);
      await this.#deliverLeftovers(kept?.session_id);
      this.#playback = await openPlayback(this.api, key, kept);
    } catch (error) {
      return this.#explainRefusal(error);
    } finally {
      this.#isOpening = false;
    }
    notify("error", null);
    byId("stage").classList.remove("closed");
    this.#connect(key);
  }

  /** Say what this video is and what else is in its course. */
  async describe() {
    try {
      this.#video = await this.api.video(this.#videoId);
      byId("title").textContent = this.#video.title;
      document.title = `${this.#video.title} · coursestream`;
      this.#course = await this.api.course(this.#video.course_id);
      this.#showCourse();
    } catch (error) {
      // Without a grant there is a better message already.
      if (this.#playback) explain(error);
    }
  }

  apply(type, event) {
    if (type === "enrollment.changed") return this.#changeEnrollment(event);
    if (event.video_id !== this.#videoId) return;
    if (type === "video.ready" && !this.#playback) return void Promise.all([this.play(), this.describe()]);
    if (type === "video.updated") byId("title").textContent = event.title;
    if (type === "video.deleted") this.#player?.fail(new ApiError(410, { detail: "This video has been deleted." }));
    if (!type.startsWith("playback.")) return;
    if (event.user_id !== this.#identity.userId) this.#activity?.apply(type, event);
    else if (event.session_id !== this.#playback?.sessionId) this.#hearOfOther(type, event);
  }

  #connect({ userId, videoId }) {
    const playback = this.#playback;
    const place = { userId, videoId, sessionId: playback.sessionId };
    const outbox = new Outbox(place, (report) => playback.report(videoId, report), (state) => this.#showSaving(state));
    playback.skipSequencesBelow(outbox.nextSequence);
    const reporter = new Reporter(this.#videoElement, videoId, playback, outbox);
    this.#player = new Player(this.#videoElement, playback, {
      beforeLoad: (positionS) => (reporter.carryOver(), reporter.expectPosition(positionS)),
      trouble: (message) => notify("trouble", message),
      failed: (error) => this.#explainRefusal(error),
    });
    reporter.listen();
    this.#videoElement.poster = playback.terms.thumbnails.large ?? "";
    this.#player.load(this.#player.resumePositionS);
    byId("badge").hidden = !playback.terms.completed;
    outbox.flush();
  }

  // Before the grant is asked for, so that the place it names is the newest.
  #deliverLeftovers(mySessionId) {
    const report = (id, kept) => this.api.report(id, kept);
    const delivered = deliverLeftovers(this.#identity.userId, report, mySessionId).catch(explain);
    return Promise.race([delivered, new Promise((resolve) => setTimeout(resolve, LEFTOVERS_MS))]);
  }

  #showSaving({ answer, waiting, refused }) {
    if (answer) this.#showProgress(answer);
    if (refused?.status === 403) return this.#player.fail(refused);
    const isLate = waiting > 0 && !answer;
    const message = refused?.status === 401
      ? "Your sign-in has ended: sign in again to save your place."
      : "Your place will be saved when the server is back.";
    byId("saving").textContent = isLate ? message : "";
  }

  #showProgress(progress) {
    byId("badge").hidden = !progress.completed;
    byId("ratio").textContent = `${percent(progress.watched_ratio)} seen`;
    drawSeen(byId("seen"), progress.watched, this.#video?.duration ?? this.#playback?.terms.duration);
    const lesson = this.#lessons.find(({ id }) => id === this.#videoId);
    if (!lesson) return;
    lesson.progress = progress;
    this.#lessonList.show(this.#lessons);
  }

  #explainRefusal(error) {
    byId("stage").classList.toggle("closed", !this.#playback);
    if (error.code !== "not-ready") return explain(error);
    notify("error", "This video is still being prepared. It starts here as soon as it is ready.");
    setTimeout(() => this.#playback || this.play(), Math.max(5, error.retryAfterS) * 1000);
  }

  #changeEnrollment(event) {
    if (event.user_id !== this.#identity.userId || event.course_id !== this.#video?.course_id) return;
    if (event.role !== null) return;
    this.#player?.fail(new ApiError(403, { detail: "You are no longer enrolled in this course." }));
  }

  /** Offer to go where the viewer has got to in another tab or on another device. */
  #hearOfOther(type, event) {
    if (type === "playback.completed") byId("badge").hidden = false;
    if (Math.abs(event.position - this.#videoElement.currentTime) < ELSEWHERE_S) return notify("elsewhere", null);
    const at = clock(event.position);
    const content = type === "playback.stopped" ? `You left off at ${at} elsewhere.` : `You are at ${at} in another tab or on another device.`;
    notify("elsewhere", content, {
      action: {
        label: `Continue from ${at}`,
        run: () => (notify("elsewhere", null), this.#player?.seek(event.position)),
      },
    });
  }

  #showCourse() {
    const modules = [...this.#course.modules].sort((a, b) => a.position - b.position);
    const module = modules.find(({ id }) => id === this.#video.module_id);
    byId("crumb").textContent = [this.#course.title, module?.title].filter(Boolean).join(" · ");
    const lessons = modules.flatMap(({ videos }) => videos).filter(({ status }) => status === "ready");
    this.#lessons = lessons;
    this.#lessonList = new LessonList(new Thumbnails(this.api), { currentId: this.#videoId, className: "list small" });
    byId("lessons").replaceChildren(el("h2", {}, "In this course"), this.#lessonList.element);
    this.#lessonList.show(lessons);
    this.#offerNext(lessons);
    const mine = lessons.find(({ id }) => id === this.#videoId)?.progress;
    if (mine) this.#showProgress(mine);
    if (this.#course.role === "instructor" || this.#identity.isPrivileged) {
      this.#activity = new Activity(byId("activity"), () => null);
    }
  }

  #offerNext(lessons) {
    const next = lessons[lessons.findIndex(({ id }) => id === this.#videoId) + 1];
    if (!next) return;
    byId("next").replaceChildren("Next: ", el("a", { href: `/watch/${next.id}` }, next.title));
    this.#videoElement.addEventListener("ended", () => (byId("next").hidden = false));
  }
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
open().catch(explain);
