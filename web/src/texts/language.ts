// The language of the pages: the one that the viewer chose, else their browser's, else English.
// Apart from the texts, so that the first picture waits for none of them.

import { readPreferences } from "../browser/preferences.ts";
import { firstOf, localeOf } from "./words.ts";

/** Those that there is a catalogue of. */
export const LANGUAGES = ["de", "en"] as const;
export type Language = (typeof LANGUAGES)[number];
// What Intl.Locale knows of directions is not in every browser yet.
const RIGHT_TO_LEFT = new Set(["ar", "dv", "fa", "ckb", "he", "ps", "sd", "ug", "ur", "yi"]);

/** The first language that is wanted and there is a catalogue of. */
export function chooseLanguage(wanted: readonly (string | null)[]): Language {
  return firstOf(LANGUAGES, wanted) as Language;
}

const browsers: readonly string[] = globalThis.navigator?.languages ?? []; // Node has none

/** The language of this page. Its numbers and dates are those of the browser's region. */
export const language = chooseLanguage([readPreferences().language, ...browsers]);
export const locale = localeOf(language, browsers);

/** Tell the browser, and with it screen readers, which language the page is in. */
export function applyLanguage(root: HTMLElement = document.documentElement) {
  root.lang = language;
  root.dir = RIGHT_TO_LEFT.has(language) ? "rtl" : "ltr";
}
