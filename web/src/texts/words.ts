// What the texts of pages and player share, of whatever catalogue and language. Pure.

import type { Plural } from "./catalogue.ts";

// Hebrew, Arabic and their neighbours; of the pages' own languages none is among them.
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdfd\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

type Values = Readonly<Record<string, string | number>>;

/** The first language that is wanted and there is a catalogue of. */
export function firstOf(languages: readonly string[], wanted: readonly (string | null)[]): string {
  const tags = wanted.filter((tag) => tag !== null).map((tag) => tag.toLowerCase().split("-")[0]);
  return tags.find((tag): tag is string => tag !== undefined && languages.includes(tag)) ?? "en";
}

/** The browser's own tag of a language, which has the region for numbers and dates. */
export function localeOf(language: string, browsers: readonly string[]): string {
  return browsers.find((tag) => tag.split("-")[0] === language) ?? language;
}

/** The text at a path of a catalogue, its placeholders filled. */
export function fill(catalogue: object, tag: string, path: string, values: Values): string {
  const found = path
    .split(".")
    .reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], catalogue);
  const form = typeof found === "string" ? found : formOf(found as Plural, tag, values.count);
  return form.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name] ?? "";
    return typeof value === "number" ? new Intl.NumberFormat(tag).format(value) : isolated(value);
  });
}

/** A title that is written from right to left, so that it turns no words around it. */
function isolated(value: string): string {
  return RIGHT_TO_LEFT.test(value) ? `\u2068${value}\u2069` : value;
}

function formOf(forms: Plural, tag: string, count: string | number | undefined): string {
  return forms[new Intl.PluralRules(tag).select(Number(count ?? 0))] ?? forms.other;
}

/** A share that never calls 99.6 % all of it: "12%", in German "12 %". */
export function shareIn(tag: string, ratio: number | null | undefined): string {
  const whole = Math.floor(Math.min(1, Math.max(0, ratio || 0)) * 100 + 1e-9);
  return new Intl.NumberFormat(tag, { style: "percent" }).format(whole / 100);
}

/** The name of a language in another one; its tag where it has none. */
export function languageNameIn(inLanguage: string, tag: string): string {
  try {
    return new Intl.DisplayNames([inLanguage], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
