// A menu with pages: a list of settings, each with a list of its choices. Keyboard and focus as the
// ARIA practices have them for menus of radio items.

import { el } from "../../browser/elements.ts";
import { playerText } from "../../texts/player/texts.ts";
import { icon } from "../icons.ts";

export interface Choice {
  label: string;
  note?: string | undefined;
  isChosen: boolean;
  choose(): void;
}

export interface Setting {
  label: string;
  choices(): Choice[];
  /** Instead of choices: what happens, where it can. */
  open?: () => void;
}

export class Menu {
  #settings: Setting[];
  #opener: HTMLElement;
  #page: Setting | null = null;
  element = el("div", {
    className: "menu",
    role: "menu",
    ariaLabel: playerText("bar.settings"),
    hidden: true,
  });

  constructor(opener: HTMLElement, settings: Setting[]) {
    this.#opener = opener;
    this.#settings = settings;
    opener.ariaHasPopup = "menu";
    opener.ariaExpanded = "false";
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("focusout", ({ relatedTarget }) =>
      this.#loseFocus(relatedTarget),
    );
  }

  get isOpen() {
    return !this.element.hidden;
  }

  toggle() {
    if (this.isOpen) this.close();
    else this.#open();
  }

  close() {
    if (!this.isOpen) return;
    this.element.hidden = true;
    this.#opener.ariaExpanded = "false";
    this.#opener.focus();
  }

  #open() {
    this.#page = null;
    this.element.hidden = false;
    this.#opener.ariaExpanded = "true";
    this.#draw();
  }

  #draw(focusOn?: string) {
    this.element.replaceChildren(
      ...(this.#page ? this.#choiceItems(this.#page) : this.#settingItems()),
    );
    const items = this.#items;
    const chosen = items.find((item) => item.ariaChecked === "true");
    (items.find((item) => item.dataset.label === focusOn) ?? chosen ?? items[0])?.focus();
  }

  #settingItems() {
    return this.#settings
      .map((setting) => ({ setting, choices: setting.choices() }))
      .filter(({ setting, choices }) => setting.open || choices.length > 1)
      .map(({ setting, choices }) => {
        if (setting.open) return this.#openerItem(setting.label, setting.open);
        const now = choices.find(({ isChosen }) => isChosen)?.label ?? "";
        const item = this.#item("menuitem", setting.label, () => this.#turn(setting));
        item.ariaHasPopup = "menu";
        item.append(el("span", { className: "now" }, now));
        return item;
      });
  }

  #openerItem(label: string, open: () => void) {
    const item = this.#item("menuitem", label, () => {
      this.close();
      open();
    });
    item.ariaHasPopup = "dialog";
    return item;
  }

  #choiceItems(setting: Setting) {
    const back = this.#item("menuitem", setting.label, () => this.#turn(null));
    back.classList.add("back");
    back.ariaLabel = playerText("settings.backFrom", { name: setting.label });
    back.prepend(icon("less"));
    const choices = setting.choices().map(({ label, note, isChosen, choose }) => {
      const item = this.#item("menuitemradio", label, () => {
        choose();
        this.#turn(null);
      });
      item.ariaChecked = String(isChosen);
      item.prepend(el("span", { className: "tick" }, isChosen && icon("check")));
      if (note) item.append(el("span", { className: "now" }, note));
      return item;
    });
    return [back, ...choices];
  }

  #item(role: string, label: string, press: () => void) {
    const text = el("span", { className: "text" }, label);
    const item = el("div", { role, tabIndex: -1, className: "item", onclick: press }, text);
    item.dataset.label = label;
    return item;
  }

  #turn(page: Setting | null) {
    const left = this.#page?.label;
    this.#page = page;
    this.#draw(left);
  }

  get #items() {
    return [...this.element.querySelectorAll<HTMLElement>(".item")];
  }

  #press(event: KeyboardEvent) {
    const items = this.#items;
    const place = items.indexOf(event.target as HTMLElement);
    const moves: Record<string, number> = {
      ArrowDown: (place + 1) % items.length,
      ArrowUp: (place - 1 + items.length) % items.length,
      Home: 0,
      End: items.length - 1,
    };
    const next = moves[event.key];
    if (next !== undefined) items[next]?.focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close();
    else if (event.key === "Enter" || event.key === " ") items[place]?.click();
    else if (event.key === "ArrowRight" && !this.#page) items[place]?.click();
    else if (event.key === "ArrowLeft" && this.#page) this.#turn(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #loseFocus(next: EventTarget | null) {
    const isInside =
      next instanceof Node && (this.element.contains(next) || this.#opener.contains(next));
    if (next && !isInside && this.isOpen) {
      this.element.hidden = true;
      this.#opener.ariaExpanded = "false";
    }
  }
}
