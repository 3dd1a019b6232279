// The dialog of downloads: this lesson with a choice of quality, progress, pause and removal; all
// lessons on this device; and what a download is.

import { el } from "../../browser/elements.ts";
import type { Downloads, Wish } from "../../offline/downloads.ts";
import { isComplete, type Lesson } from "../../offline/shelf.ts";
import type { Size } from "../../service/answers.ts";
import { explain } from "../../service/problems.ts";
import { day, megabytes, playerText } from "../../texts/player/texts.ts";
import { iconButton } from "../button.ts";

const REDRAW_MS = 500;
const ANY_HEIGHT = 4_320;

/** Null where nothing can be kept: then `page` is where it can. */
export interface Offer {
  downloads: Downloads | null;
  page: string;
  sizes: Size[];
  wish: Omit<Wish, "height" | "chapters">;
  chapters(): Promise<string | null>;
}

type State = "none" | "running" | "waiting" | "paused" | "complete";

export class DownloadsDialog {
  #offer: Offer;
  #lesson = el("section", { className: "kept" });
  #others = el("ul", { className: "kept-list" });
  #room = el("p", { className: "quiet" });
  #bar = el("progress", { max: 1, value: 0, ariaLabel: playerText("downloads.title") });
  #amount = el("span", { className: "amount" });
  #drawn = "";
  #height: number | null | undefined;
  #timer = 0;
  element: HTMLDialogElement;

  constructor(offer: Offer) {
    this.#offer = offer;
    const close = iconButton("close", playerText("close"), null, () => this.element.close());
    const header = el("header", {}, el("h2", {}, playerText("downloads.title")), close.element);
    this.element = el(
      "dialog",
      { className: "help downloads", ariaLabel: playerText("downloads.title") },
      header,
    );
    this.element.append(...(offer.downloads ? this.#parts() : [this.#elsewhere()]));
    this.element.addEventListener("close", () => this.#end());
    // Keys are for the dialog, not for the video behind it.
    this.element.addEventListener("keydown", (event) => event.stopPropagation());
  }

  async show(frame: HTMLElement) {
    await this.#draw();
    frame.append(this.element);
    this.element.showModal();
    if (this.#offer.downloads) this.#timer = setInterval(() => void this.#draw(), REDRAW_MS);
  }

  #end() {
    clearInterval(this.#timer);
    this.element.remove();
  }

  #elsewhere() {
    const link = el(
      "a",
      { href: this.#offer.page, target: "_blank" },
      playerText("downloads.openThere"),
    );
    return el("p", {}, `${playerText("downloads.elsewhere")} `, link);
  }

  #parts() {
    const all = el(
      "section",
      {},
      el("h3", {}, playerText("downloads.onDevice")),
      this.#others,
      this.#room,
    );
    return [this.#lesson, all, el("p", { className: "quiet" }, playerText("downloads.promise"))];
  }

  async #draw() {
    const { downloads, wish } = this.#offer;
    if (!downloads) return;
    const lessons = await downloads.list();
    const mine = lessons.find(({ videoId }) => videoId === wish.videoId) ?? null;
    const state = this.#stateOf(mine);
    const problem = downloads.problemOf(wish.videoId);
    this.#showAmount(mine);
    const facts = lessons.map((one) => [one.videoId, one.expiresAtMs, isComplete(one)]);
    const drawn = JSON.stringify([state, problem?.code, facts]);
    // What someone is about to press stays where it is.
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const said = problem && explain(problem);
    this.#lesson.replaceChildren(
      ...(said ? [el("p", { role: "alert" }, `${said.sentence} ${said.advice}`)] : []),
      ...this.#lessonParts(state, mine),
    );
    this.#others.replaceChildren(...lessons.filter(isComplete).map((one) => this.#row(one)));
    await this.#showRoom();
  }

  #stateOf(lesson: Lesson | null): State {
    const { downloads, wish } = this.#offer;
    if (lesson && isComplete(lesson)) return "complete";
    if (downloads?.isWaiting(wish.videoId)) return "waiting";
    if (downloads?.isRunning(wish.videoId)) return "running";
    return lesson ? "paused" : "none";
  }

  #lessonParts(state: State, lesson: Lesson | null): Node[] {
    if (state === "none") return this.#choice();
    if (state === "complete") return lesson ? [el("p", { role: "status" }, until(lesson))] : [];
    const { downloads, wish } = this.#offer;
    const pause = button(playerText("downloads.pause"), () => downloads?.pause(wish.videoId));
    const resume = button(playerText("downloads.resume"), () => downloads?.resume(wish.videoId));
    return [
      el("p", { role: "status" }, playerText(`downloads.${state}`)),
      el("p", { className: "bar-line" }, this.#bar, this.#amount),
      el(
        "p",
        { className: "actions" },
        state === "paused" ? resume : pause,
        button(playerText("downloads.cancel"), () => downloads?.remove(wish.videoId)),
      ),
    ];
  }

  #choice(): Node[] {
    const { sizes } = this.#offer;
    const rows = sizes.map((size) => this.#sizeRow(size));
    const legend = el("legend", {}, playerText("downloads.quality"));
    return [
      ...(rows.length ? [el("fieldset", {}, legend, ...rows)] : []),
      el(
        "p",
        { className: "actions" },
        button(playerText("downloads.start"), () => this.#start()),
      ),
    ];
  }

  #sizeRow({ height, bytes }: Size) {
    this.#height ??= height;
    const radio = el("input", { type: "radio", name: "height", checked: height === this.#height });
    radio.onchange = () => {
      this.#height = height;
    };
    const label = height === null ? playerText("downloads.soundAlone") : `${height}p`;
    return el("label", {}, radio, el("span", {}, label), el("span", {}, megabytes(bytes)));
  }

  async #start() {
    const { downloads, wish, sizes, chapters } = this.#offer;
    // Without a ladder there is one quality, whatever height is asked for.
    const height = sizes.length ? (this.#height ?? null) : ANY_HEIGHT;
    void downloads?.start({ ...wish, height, chapters: await chapters() });
    await this.#draw();
  }

  #row(lesson: Lesson) {
    const link = el("a", { href: `/watch/${encodeURIComponent(lesson.videoId)}` }, lesson.title);
    const remove = button(playerText("downloads.remove"), () =>
      this.#offer.downloads?.remove(lesson.videoId),
    );
    remove.ariaLabel = playerText("downloads.removeThing", { title: lesson.title });
    const facts = playerText("downloads.facts", {
      size: megabytes(lesson.totalBytes),
      day: day(lesson.expiresAtMs),
    });
    return el("li", {}, link, el("span", { className: "quiet" }, facts), remove);
  }

  #showAmount(lesson: Lesson | null) {
    const { keptBytes = 0, totalBytes = 0 } = lesson ?? {};
    this.#bar.value = totalBytes ? keptBytes / totalBytes : 0;
    const amounts = { done: megabytes(keptBytes), all: megabytes(totalBytes) };
    const text = lesson ? playerText("downloads.amount", amounts) : "";
    if (this.#amount.textContent !== text) this.#amount.textContent = text;
  }

  async #showRoom() {
    const { usage, quota } = (await navigator.storage?.estimate?.()) ?? {};
    if (usage === undefined || quota === undefined) return;
    this.#room.textContent = playerText("downloads.room", {
      used: megabytes(usage),
      free: megabytes(quota - usage),
    });
  }
}

function button(label: string, run: () => unknown) {
  return el("button", { type: "button", className: "action", onclick: run }, label);
}

function until(lesson: Lesson): string {
  return playerText("downloads.until", { day: day(lesson.expiresAtMs) });
}
