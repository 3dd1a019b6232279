// The first page: the viewer's courses, live.

import { el } from "../browser/elements.ts";
import { deliverLeftovers } from "../progress/leftovers.ts";
import { followEvents } from "../service/live.ts";
import { Activity } from "./activity.js";
import { Api } from "./api.js";
import { CourseView } from "./course.js";
import { adoptIdentity } from "./identity.js";
import { explain, notify, showViewer } from "./notices.js";
import { showSignIn } from "./sign_in.js";
import { Thumbnails } from "./thumbnails.js";

// Events tell of progress at once; this is for what happened while none could.
const RECHECK_MS = 15_000;

const place = document.getElementById("courses");
const views = new Map();

async function open() {
  const identity = await adoptIdentity();
  if (!identity) return showSignIn("Please sign in.");
  showViewer(identity);
  const page = new HomePage(identity);
  followEvents(page.api, identity.userId, (type, event) => page.apply(type, event));
  await page.refresh();
  setInterval(() => page.recheckUnfinished(), RECHECK_MS);
  const viewer = { server: location.origin, userId: identity.userId };
  await deliverLeftovers(viewer, (id, report) => page.api.report(id, report));
}

class HomePage {
  #identity;
  #thumbnails;
  #activity = null;

  constructor(identity) {
    this.#identity = identity;
    this.api = new Api(identity);
    this.#thumbnails = new Thumbnails(this.api);
  }

  async refresh() {
    try {
      const courses = await this.api.courses();
      await Promise.all(courses.map(({ id }) => this.#showCourse(id)));
      this.#order(courses);
      notify("error", null);
    } catch (error) {
      explain(error, { label: "Try again", run: () => this.refresh() });
    }
    place.removeAttribute("aria-busy");
  }

  apply(type, event) {
    const isMine = event.user_id === this.#identity.userId;
    if (type === "reset" || (type === "enrollment.changed" && isMine)) return void this.refresh();
    const view = views.get(event.course_id);
    if (type !== "video.deleted" && view?.lacksModuleOf(event)) return void this.refresh();
    view?.apply(type, event);
    if (!isMine) this.#activity?.apply(type, event);
  }

  async recheckUnfinished() {
    for (const view of views.values()) {
      for (const { id } of view.videos.filter(({ status }) => status === "processing")) {
        // The next round asks again; the list on the screen stays.
        await this.api.video(id).then(
          (video) => view.put(video),
          () => {},
        );
      }
    }
  }

  async #showCourse(id) {
    const course = await this.api.course(id);
    const known = views.get(id);
    if (known) known.show(course);
    else views.set(id, new CourseView(course, this.#identity, this.api, this.#thumbnails));
  }

  #order(courses) {
    const ids = new Set(courses.map(({ id }) => id));
    for (const id of views.keys()) if (!ids.has(id)) views.delete(id);
    const shown = courses.map(({ id }) => views.get(id));
    place.replaceChildren(...shown.map((view) => view.element));
    if (!shown.length)
      place.append(el("p", { className: "quiet" }, "You are not enrolled in any course yet."));
    if (shown.some((view) => view.isTaught)) this.#watchOthers();
  }

  #watchOthers() {
    const titleOf = (id) =>
      [...views.values()].map((view) => view.titleOf(id)).find(Boolean) ?? null;
    this.#activity ??= new Activity(document.getElementById("activity"), titleOf);
  }
}

addEventListener("pageshow", (event) => event.persisted && location.reload());
open().catch(explain);
