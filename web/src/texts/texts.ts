// Texts of the pages in the viewer's language. A further language is a file beside this one, typed as
// `Catalogue`, its name in language.ts and its line in `CATALOGUES`. The player, which other sites
// load alone, has a catalogue of its own in player/.

import type { Arguments, Catalogue, Key } from "./catalogue.ts";
import { de } from "./de.ts";
import { en } from "./en.ts";
import { type Language, language, locale } from "./language.ts";
import { fill, languageNameIn, shareIn } from "./words.ts";

const CATALOGUES: Record<Language, Catalogue> = { de, en };

/** The text at a path of the catalogue, its placeholders filled. */
export function text<Path extends Key>(path: Path, ...[values]: Arguments<Path>): string {
  return fill(CATALOGUES[language], locale, path, values ?? {});
}

/** A share that never calls 99.6 % all of it: "12%", in German "12 %". */
export function percent(ratio: number | null | undefined): string {
  return shareIn(locale, ratio);
}

/** A length for the eye: "12 min", "1 h 5 min"; what is under a minute is one. */
export function duration(seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60));
  if (minutes < 60) return text("common.minutesShort", { count: minutes });
  return text("common.hoursShort", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** A day with its time: "Dec 1, 2026, 9:30 AM". */
export function dateTime(at: string | number | Date): string {
  const form = { dateStyle: "medium", timeStyle: "short" } as const;
  return new Intl.DateTimeFormat(locale, form).format(new Date(at));
}

/** The zone of the times that a page shows: "Asia/Kolkata". */
export function timeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A UTC day without its time: "Dec 1", with the year "Dec 1, 2026". */
export function day(at: string | number, form: "short" | "long" = "long"): string {
  const year = form === "long" ? ({ year: "numeric" } as const) : {};
  const options = { day: "numeric", month: "short", timeZone: "UTC", ...year } as const;
  return new Intl.DateTimeFormat(locale, options).format(new Date(at));
}

/** The time of day, to the second: "9:30:05 AM". */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "medium" }).format(at);
}

/** A number with at most so many digits after the point: "1,234.5". */
export function number(value: number, digits = 0): string {
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
}

/** A share that is mostly far below one percent: "0.08%". */
export function smallShare(ratio: number): string {
  const form = { style: "percent", maximumFractionDigits: 2 } as const;
  return new Intl.NumberFormat(locale, form).format(ratio);
}

/** Time in the unit that suits it, for sums: "45 sec", "12 min", "1,234.5 hr". */
export function timeSum(seconds: number): string {
  const [unit, length] =
    seconds < 60 ? ["second", 1] : seconds < 7200 ? ["minute", 60] : ["hour", 3600];
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit,
    maximumFractionDigits: unit === "hour" ? 1 : 0,
  } as Intl.NumberFormatOptions).format(seconds / length);
}

/** A size in the unit that suits it: "12.3 MB". */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = count < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return new Intl.NumberFormat(locale, {
    style: "unit",
    unit: units[power] ?? "byte",
    unitDisplay: power ? "short" : "long", // "0 byte" is what the short one says
    maximumFractionDigits: power > 1 ? 1 : 0,
  }).format(count / 1000 ** power);
}

/** The name of a language, in that of the page or another one; the tag where it has none. */
export function languageName(tag: string, inLanguage: string = language): string {
  return languageNameIn(inLanguage, tag);
}
