// Words on the picture: a card that says why nothing plays and what to do, an offer that can be
// taken or left, a line about what goes on, a short flash.

import { el } from "../browser/elements.ts";
import { playerText } from "../texts/player/texts.ts";
import { iconButton } from "./button.ts";

const FLASH_MS = 900;

export interface Action {
  label: string;
  run?: () => void;
  href?: string;
}

export class Messages {
  #flashTimer = 0;
  #offered = el("span");
  #take = el("button", { type: "button", className: "action" });
  card = el("div", { className: "card", hidden: true });
  offer = el("div", { className: "offer", role: "status", hidden: true });
  line = el("p", { className: "line", role: "status" });
  flash = el("p", { className: "flash", ariaHidden: "true", hidden: true });

  /** Cover the picture; `isAlarm` when something went wrong. */
  showCard(title: string, text: string, actions: Action[], isAlarm = false) {
    this.card.setAttribute("role", isAlarm ? "alert" : "group");
    this.card.ariaLabel = isAlarm ? null : title;
    this.card.replaceChildren(
      el(
        "div",
        { className: "inside" },
        el("h2", {}, title),
        text && el("p", {}, text),
        buttons(actions),
      ),
    );
    this.card.hidden = false;
  }

  hideCard() {
    this.card.hidden = true;
    this.card.replaceChildren();
  }

  /** Again with other words while it is shown: its button stays, someone may be pressing it. */
  showOffer(text: string, { label, run }: { label: string; run: () => void }) {
    this.#offered.textContent = text;
    this.#take.textContent = label;
    this.#take.onclick = run;
    if (!this.offer.hidden) return;
    const dismiss = iconButton("close", playerText("messages.dismiss"), null, () =>
      this.hideOffer(),
    );
    const actions = el("p", { className: "actions" }, this.#take);
    this.offer.replaceChildren(this.#offered, actions, dismiss.element);
    this.offer.hidden = false;
  }

  hideOffer() {
    this.offer.hidden = true;
    this.offer.replaceChildren();
  }

  /** What goes on while playing goes on, or waits; empty for nothing. */
  showLine(text: string) {
    if (this.line.textContent !== text) this.line.textContent = text;
  }

  get hasLine() {
    return this.line.textContent !== "";
  }

  showFlash(word: string) {
    this.flash.textContent = word;
    this.flash.hidden = false;
    clearTimeout(this.#flashTimer);
    this.#flashTimer = setTimeout(() => {
      this.flash.hidden = true;
    }, FLASH_MS);
  }
}

function buttons(actions: Action[]) {
  return el(
    "p",
    { className: "actions" },
    ...actions.map(({ label, run, href }) =>
      href
        ? el("a", { href, className: "action" }, label)
        : el("button", { type: "button", className: "action", onclick: run }, label),
    ),
  );
}
