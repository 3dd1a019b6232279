// What the player says, in the language of the page around it where there is a catalogue of that, else
// in the viewer's as on the pages. Chosen where a player is made, for all players of the page. Pages
// of the service whose scripts choose their language have no `lang` before.

import { readPreferences } from "../../browser/preferences.ts";
import type { ArgumentsOf, CatalogueOf, KeyOf } from "../catalogue.ts";
import { fill, firstOf, languageNameIn, localeOf, shareIn } from "../words.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";

/** All texts of the player in a language. */
export type PlayerCatalogue = CatalogueOf<typeof en>;
export type PlayerKey = KeyOf<typeof en>;

const CATALOGUES: Record<string, PlayerCatalogue> = { de, en };

let language = "en";
let locale = "en";

/** Speak the first of these languages that there is a catalogue of; the one that was found. */
export function speak(wanted: readonly (string | null)[], browsers: readonly string[]): string {
  language = firstOf(Object.keys(CATALOGUES), [...wanted, ...browsers]);
  locale = localeOf(language, browsers);
  return language;
}

/** Speak as the page does around an element. */
export function speakAround(element: Element): string {
  return speak([langAround(element), readPreferences().language], navigator.languages);
}

/** The nearest `lang`, also outside of the shadow trees that the element is in. */
function langAround(element: Element): string | null {
  const near = element.closest("[lang]");
  if (near) return near.getAttribute("lang");
  const root = element.getRootNode();
  return root instanceof ShadowRoot ? langAround(root.host) : document.documentElement.lang || null;
}

/** The text at a path of the player's catalogue, its placeholders filled. */
export function playerText<Path extends PlayerKey>(
  path: Path,
  ...[values]: ArgumentsOf<typeof en, Path>
): string {
  return fill(CATALOGUES[language] ?? en, locale, path, values ?? {});
}

/** 3754 -> "1 hour 2 minutes 34 seconds", as a screen reader should say it. */
export function spokenTime(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const parts = [
    ["hours", Math.floor(whole / 3600)],
    ["minutes", Math.floor(whole / 60) % 60],
    ["seconds", whole % 60],
  ] as const;
  const said = parts
    .filter(([, count]) => count)
    .map(([unit, count]) => playerText(unit, { count }));
  return said.join(" ") || playerText("seconds", { count: 0 });
}

/** A share, rounded down: "12%". */
export function share(ratio: number): string {
  return shareIn(locale, ratio);
}

/** 12_345_678 -> "12 MB": as people count what they have left. */
export function megabytes(bytes: number): string {
  const millions = bytes / 1e6;
  if (millions >= 10_000) return sized(Math.round(millions / 1000), "gigabyte", 0);
  return sized(millions, "megabyte", millions < 10 ? 1 : 0);
}

function sized(count: number, unit: string, digits: number): string {
  const form = { style: "unit", unit, useGrouping: false } as const;
  return new Intl.NumberFormat(locale, { ...form, ...exactly(digits) }).format(count);
}

/** Bits a second as a number of Mbit/s: "1.2". */
export function megabits(bits: number): string {
  return new Intl.NumberFormat(locale, exactly(1)).format(bits / 1e6);
}

function exactly(digits: number) {
  return { minimumFractionDigits: digits, maximumFractionDigits: digits };
}

/** "Dec 1, 2026" */
export function day(atMs: number): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(atMs);
}

/** The name of a language in that of the player. */
export function languageName(tag: string): string {
  return languageNameIn(language, tag);
}
