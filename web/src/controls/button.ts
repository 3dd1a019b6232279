// A button with a picture and a name that says what it does and by which key.

import { el } from "../browser/elements.ts";
import { type IconName, icon } from "./icons.ts";

export interface Button {
  element: HTMLButtonElement;
  show(name: IconName, label: string): void;
}

export function iconButton(
  name: IconName,
  label: string,
  key: string | null,
  press: () => void,
): Button {
  const element = el("button", { type: "button", className: "button", onclick: press });
  if (key) element.setAttribute("aria-keyshortcuts", key);
  let shown: IconName | null = null;
  const show = (next: IconName, said: string) => {
    element.ariaLabel = said;
    element.title = key ? `${said} (${key})` : said;
    if (next !== shown) element.replaceChildren(icon(next));
    shown = next;
  };
  show(name, label);
  return { element, show };
}
