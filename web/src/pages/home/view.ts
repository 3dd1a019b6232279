// The part of the first page that its address names: all courses, or one of them.

import { signal } from "@preact/signals";

/** The id of the course that is open; null for the overview. */
export const openCourse = signal(read());

function read(): string | null {
  return new URLSearchParams(globalThis.location?.search ?? "").get("course");
}

export function courseHref(id: string): string {
  return `/?${new URLSearchParams({ course: id })}`;
}

/** Follow a link within the page, unless the viewer wants it elsewhere. */
export function follow(event: MouseEvent & { currentTarget: HTMLAnchorElement }) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", event.currentTarget.href);
  openCourse.value = read();
  document.getElementById("content")?.focus();
  scrollTo(0, 0);
}

/** Hear of the browser's own way back and forth. */
export function listenToHistory(until: AbortSignal) {
  const look = () => {
    openCourse.value = read();
  };
  addEventListener("popstate", look, { signal: until });
}
