// The page of one video: plays it, resumes, reports, and follows events from elsewhere.

import { Activity } from "./activity.js";
import { Api, ApiError } from "./api.js";
import { clock, el, percent } from "./elements.js";
import { adoptIdentity } from "./identity.js";
import { LessonList } from "./lesson.js";
import { followEvents } from "./live.js";
import { explain, notify, showViewer } from "./notices.js";
import { deliverLeftovers, Outbox } from "./outbox.js";
import { Outline } from "./outline.js";
import { openPlayback, reclaimSession } from "./playback.js";
import { Player } from "./player.js";
import { Reporter } from "./reporter.js";
import { drawSeen } from "./seen.js";
import { showSignIn } from "./sign_in.js";
import { Thumbnails } from "./thumbnails.js";
import { Tracks } from "./tracks.js";

const LEFTOVERS_MS = 3_000;
// Nearer than this the other page is where this one is.
const ELSEWHERE_S = 5;
// Reports come in pairs (started, progress): one question is enough for both.
const SETTLES_MS = 300;

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
  #tracks = new Tracks(this.#videoElement, byId("chapters"), (placeS) =>
    this.#player?.seek(placeS),
  );
  #video = null;
  #outline = null;
  #lessonList;
  #isOpening = false;
  #playback = null;
  #player = null;
  #reporter = null;
  #activity = null;
  #progressTimer = 0;
  #placeAt = 0;

  constructor(identity, videoId) {
    this.#identity = identity;
    this.#videoId = videoId;
    this.api = new Api(identity);
    this.#lessonList = new LessonList(new Thumbnails(this.api), {
      currentId: videoId,
      className: "list small",
    });
    this.#videoElement.addEventListener("ended", () => this.#offerNext());
  }

  /** True if nothing plays here, or nothing any more. */
  get #isClosed() {
    return !this.#player || this.#player.isOver;
  }

  /** Ask for a grant and play by it, from where the viewer was. */
  async play() {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const key = { userId: this.#identity.userId, videoId: this.#videoId };
    try {
      const kept = this.#playback?.kept ?? (await reclaimSession(key));
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
      this.#showTitle(this.#video.title);
      const course = await this.api.course(this.#video.course_id);
      this.#outline = new Outline(course, this.#identity.userId);
      this.#showCourse();
    } catch (error) {
      // Where nothing plays there is a better message already.
      if (!this.#isClosed) explain(error);
    }
  }

  apply(type, event) {
    if (type === "reset") return void this.#beginAgain();
    if (type === "enrollment.changed") return this.#changeEnrollment(event);
    if (event.course_id === this.#video?.course_id) this.#changeCourse(type, event);
    if (event.video_id === this.#videoId) this.#changeVideo(type, event);
  }

  #changeCourse(type, event) {
    if (type !== "video.deleted" && this.#outline?.lacksModuleOf(event))
      return void this.describe();
    if (this.#outline?.apply(type, event)) this.#showLessons();
  }

  #changeVideo(type, event) {
    if (type.startsWith("playback.")) return this.#hearOfPlayback(type, event);
    if (type === "video.deleted") return this.#close(410, "This video has been deleted.");
    if (type === "video.updated") this.#showTitle(event.title);
    if (type === "video.updated" || type === "video.ready") this.#openAgain();
  }

  #hearOfPlayback(type, event) {
    if (event.user_id !== this.#identity.userId) return void this.#activity?.apply(type, event);
    // Reports of a device that was offline add watched seconds, but no newer position.
    const at = Date.parse(event.occurred_at);
    const isNewest = at >= this.#placeAt;
    if (isNewest) this.#placeAt = at;
    if (event.session_id !== this.#playback?.sessionId) this.#hearOfOther(type, event, isNewest);
  }

  /** Ask for everything anew, and play where nothing plays. */
  async #beginAgain() {
    await Promise.all([this.#isClosed && this.play(), this.describe()]);
  }

  #openAgain() {
    if (this.#isClosed) this.#beginAgain();
  }

  #close(status, detail) {
    this.#player?.fail(new ApiError(status, { detail }));
  }

  #connect({ userId, videoId }) {
    const playback = this.#playback;
    const place = { userId, videoId, sessionId: playback.sessionId };
    const outbox = new Outbox(
      place,
      (report) => playback.report(videoId, report),
      (state) => this.#showSaving(state),
    );
    playback.skipSequencesBelow(outbox.nextSequence);
    this.#reporter?.close();
    const reporter = new Reporter(this.#videoElement, videoId, playback, outbox);
    this.#reporter = reporter;
    this.#player = new Player(this.#videoElement, playback, {
      beforeLoad: (positionS) => {
        reporter.carryOver();
        reporter.expectPosition(positionS);
      },
      loaded: () => this.#tracks.show(playback.terms),
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
    const message =
      refused?.status === 401
        ? "Your sign-in has ended: sign in again to save your place."
        : "Your place will be saved when the server is back.";
    byId("saving").textContent = isLate ? message : "";
  }

  #showProgress(progress) {
    byId("badge").hidden = !progress.completed;
    const durationS = this.#video?.duration ?? this.#playback?.terms.duration;
    byId("ratio").textContent = durationS ? `${percent(progress.watched_ratio)} seen` : "";
    drawSeen(byId("seen"), progress.watched, durationS ?? this.#videoElement.duration);
    if (this.#outline?.put({ id: this.#videoId, progress })) this.#showLessons();
  }

  #showTitle(title) {
    byId("title").textContent = title;
    document.title = `${title} · coursestream`;
  }

  #explainRefusal(error) {
    byId("stage").classList.toggle("closed", !this.#playback);
    if (error.code !== "not-ready") return explain(error);
    notify("error", "This video is still being prepared. It starts here as soon as it is ready.");
    setTimeout(() => this.#isClosed && this.play(), Math.max(5, error.retryAfterS) * 1000);
  }

  #changeEnrollment(event) {
    if (event.user_id !== this.#identity.userId) return;
    // Whoever was refused from the start does not know the video's course: any may be it.
    if (this.#video && event.course_id !== this.#video.course_id) return;
    if (event.role === null) this.#close(403, "You are no longer enrolled in this course.");
    else this.#beginAgain();
  }

  /** Offer to go where the viewer has got to in another tab or on another device. */
  #hearOfOther(type, event, isNewest) {
    if (type === "playback.completed") byId("badge").hidden = false;
    this.#askForProgressSoon();
    if (!isNewest) return;
    if (Math.abs(event.position - this.#videoElement.currentTime) < ELSEWHERE_S)
      return notify("elsewhere", null);
    const at = clock(event.position);
    const content =
      type === "playback.stopped"
        ? `You left off at ${at} elsewhere.`
        : `You are at ${at} in another tab or on another device.`;
    notify("elsewhere", content, {
      action: {
        label: `Continue from ${at}`,
        run: () => {
          notify("elsewhere", null);
          this.#player?.seek(event.position);
        },
      },
    });
  }

  // Events carry the watched share, but not which seconds.
  #askForProgressSoon() {
    clearTimeout(this.#progressTimer);
    this.#progressTimer = setTimeout(async () => {
      // Refused, the page shows what it has: the next event asks again.
      const progress = await this.api.progress(this.#videoId).catch(() => null);
      if (progress) this.#showProgress(progress);
    }, SETTLES_MS);
  }

  #showCourse() {
    const { title, role, modules } = this.#outline;
    const module = modules.find(({ id }) => id === this.#video.module_id);
    byId("crumb").textContent = [title, module?.title].filter(Boolean).join(" · ");
    byId("lessons").replaceChildren(el("h2", {}, "In this course"), this.#lessonList.element);
    this.#showLessons();
    const mine = this.#outline.find(this.#videoId)?.progress;
    if (mine) this.#showProgress(mine);
    if (role === "instructor" || this.#identity.isPrivileged) {
      this.#activity ??= new Activity(byId("activity"), () => null);
    }
  }

  #showLessons() {
    this.#lessonList.show(this.#lessons);
    this.#offerNext();
  }

  get #lessons() {
    return this.#outline?.videos.filter(({ status }) => status === "ready") ?? [];
  }

  #offerNext() {
    const lessons = this.#lessons;
    const place = lessons.findIndex(({ id }) => id === this.#videoId);
    const next = place < 0 ? null : lessons[place + 1];
    byId("next").hidden = !next || !this.#videoElement.ended;
    if (next)
      byId("next").replaceChildren("Next: ", el("a", { href: `/watch/${next.id}` }, next.title));
  }
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
open().catch(explain);
