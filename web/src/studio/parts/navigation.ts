// Moving between the studio's pages without loading anew, so that uploads go on.

import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { type Route, routeOf } from "../service/routes.ts";

export const route = signal<Route | null>(routeOf(location.pathname, location.search));

// What is shown, and its place in the history of this tab, which a reload keeps.
let shown = addressNow();
let place = 0;
let unsaved = 0;

/** The page has something that is not saved as long as this is drawn with `isUnsaved`. */
export function useUnsaved(isUnsaved: boolean) {
  useLayoutEffect(() => {
    if (!isUnsaved) return;
    unsaved += 1;
    return () => {
      unsaved -= 1;
    };
  }, [isUnsaved]);
}

/** True while something on the page is not saved. */
export function isDirty(): boolean {
  return unsaved > 0;
}

/** True unless something is not saved that the teacher wants to keep. */
export function mayDrop(): boolean {
  return !isDirty() || confirm(text("studio.video.leave"));
}

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
  place = placeOf(history.state) ?? 0;
  history.replaceState({ place }, "");
  addEventListener("popstate", ({ state }) => travel(placeOf(state)));
  addEventListener("beforeunload", (event) => isDirty() && event.preventDefault());
}

export function go(address: string) {
  if (!mayDrop()) return;
  place += 1;
  history.pushState({ place }, "", address);
  show();
  scrollTo(0, 0);
  document.getElementById("content")?.focus({ preventScroll: true });
}

/** The browser has gone back or on to a place; null for a new one in the same page (`#content`). */
function travel(to: number | null) {
  const next = to ?? place + 1;
  if (to === null) history.replaceState({ place: next }, "");
  const isElsewhere = addressNow() !== shown;
  if (isElsewhere && !mayDrop()) return history.go(place - next);
  place = next;
  if (isElsewhere) show();
}

function show() {
  shown = addressNow();
  route.value = routeOf(location.pathname, location.search);
}

function addressNow(): string {
  return location.pathname + location.search;
}

function placeOf(state: unknown): number | null {
  const kept = (state as { place?: unknown } | null)?.place;
  return typeof kept === "number" ? kept : null;
}

function isPlain(event: MouseEvent): boolean {
  const { button, ctrlKey, metaKey, shiftKey, altKey, defaultPrevented } = event;
  return !(button || ctrlKey || metaKey || shiftKey || altKey || defaultPrevented);
}
