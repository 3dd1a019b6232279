// Moving between the studio's pages without loading anew, so that uploads go on.

import { signal } from "@preact/signals";
import { text } from "../../texts/texts.ts";
import { type Route, routeOf } from "../service/routes.ts";

export const route = signal<Route | null>(routeOf(location.pathname, location.search));

/** True while something on the page is not saved. */
export const isDirty = signal(false);

/** Follow the studio's links and the browser's buttons; once a page. */
export function followLinks() {
  addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || !isPlain(event) || link.target || link.hasAttribute("download")) return;
    const url = new URL(link.href, location.href);
    if (url.origin !== location.origin || url.hash || !routeOf(url.pathname, url.search)) return;
    event.preventDefault();
    go(url.pathname + url.search);
  });
  addEventListener("popstate", () => show());
  addEventListener("beforeunload", (event) => isDirty.value && event.preventDefault());
}

export function go(address: string) {
  if (isDirty.value && !confirm(text("studio.video.leave"))) return;
  history.pushState(null, "", address);
  show();
  scrollTo(0, 0);
  document.getElementById("content")?.focus({ preventScroll: true });
}

function show() {
  isDirty.value = false;
  route.value = routeOf(location.pathname, location.search);
}

function isPlain(event: MouseEvent): boolean {
  const { button, ctrlKey, metaKey, shiftKey, altKey, defaultPrevented } = event;
  return !(button || ctrlKey || metaKey || shiftKey || altKey || defaultPrevented);
}
