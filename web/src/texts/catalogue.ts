// The shape of a catalogue, made of its English one: what every language has to say, and which
// values stand in which text. Types alone.

import type { en } from "./en.ts";

/** A text by the plural category of its count. */
export type Plural = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;

/** The texts of `English` in any language. */
export type CatalogueOf<English> = {
  readonly [Name in keyof English]: English[Name] extends string
    ? string
    : English[Name] extends Plural
      ? Plural
      : CatalogueOf<English[Name]>;
};

/** The paths of the texts of `English`: "home.continueAt". */
export type KeyOf<English, Before extends string = ""> = {
  [Name in keyof English & string]: English[Name] extends string | Plural
    ? `${Before}${Name}`
    : KeyOf<English[Name], `${Before}${Name}.`>;
}[keyof English & string];

type At<T, Path extends string> = Path extends `${infer Name}.${infer Rest}`
  ? Name extends keyof T
    ? At<T[Name], Rest>
    : never
  : Path extends keyof T
    ? T[Path]
    : never;

type Placeholders<T> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholders<Rest>
  : T extends Plural
    ? "count" | Placeholders<T[keyof T]>
    : never;

/** The values of a text; a count is a number, which the language writes. */
type ValuesOf<English, Path extends string> = {
  [Name in Placeholders<At<English, Path>>]: Name extends "count" ? number : string | number;
};

/** What is given beside the path of a text: its values, where it has some. */
export type ArgumentsOf<English, Path extends string> = keyof ValuesOf<English, Path> extends never
  ? []
  : [values: ValuesOf<English, Path>];

/** All texts of the pages in a language. */
export type Catalogue = CatalogueOf<typeof en>;
export type Key = KeyOf<typeof en>;
export type Arguments<Path extends Key> = ArgumentsOf<typeof en, Path>;
