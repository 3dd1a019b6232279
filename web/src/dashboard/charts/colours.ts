// The design's colours for canvases, which know no custom properties, and the scheme they belong to.

import { signal } from "@preact/signals";

const NAMES = [
  "text-quiet",
  "border",
  "accent",
  "accent-soft",
  "warning",
  "warning-soft",
  "danger-soft",
] as const;

/** Colours by their names; `font` is the family of the page. */
export type Colours = Record<(typeof NAMES)[number] | "font", string>;

/** Rises whenever the colours may have changed: charts draw anew. */
export const schemeVersion = signal(0);
let isOnPaper = false;

/** What the colours are at this moment; on paper, those of the light scheme. */
export function readColours(): Colours {
  const probe = document.createElement("span");
  probe.hidden = true;
  if (isOnPaper) probe.style.colorScheme = "light";
  probe.style.forcedColorAdjust = "none"; // else all were one, and what is shaded would cover curves
  document.body.append(probe);
  const found = NAMES.map((name) => {
    probe.style.color = `var(--color-${name})`;
    return [name, getComputedStyle(probe).color];
  });
  probe.remove();
  const { fontFamily: font } = getComputedStyle(document.body);
  return { ...Object.fromEntries(found), font };
}

/** Notice that the viewer, or their system, chose another scheme; or prints; once a page. */
export function followScheme() {
  const change = () => {
    schemeVersion.value += 1;
  };
  const print = (isPrinted: boolean) => {
    if (isOnPaper === isPrinted) return;
    isOnPaper = isPrinted;
    change();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
    matchMedia(query).addEventListener("change", change);
  const observer = new MutationObserver(change);
  observer.observe(document.documentElement, { attributeFilter: ["data-scheme"] });
}
