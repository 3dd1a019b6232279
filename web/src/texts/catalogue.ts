// The shape of a catalogue, made of the English one: what every language has to say, and which
// values stand in which text. Types alone.

import type { en } from "./en.ts";

/** A text by the plural category of its count. */
export type Plural = { other: string } & Partial<Record<Intl.LDMLPluralRule, string>>;

type Same<T> = {
  readonly [Name in keyof T]: T[Name] extends string
    ? string
    : T[Name] extends Plural
      ? Plural
      : Same<T[Name]>;
};

/** All texts of a language. */
export type Catalogue = Same<typeof en>;

type KeysOf<T, Before extends string = ""> = {
  [Name in keyof T & string]: T[Name] extends string | Plural
    ? `${Before}${Name}`
    : KeysOf<T[Name], `${Before}${Name}.`>;
}[keyof T & string];

/** The path of a text: "home.continueAt". */
export type Key = KeysOf<typeof en>;

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
export type Values<Path extends Key> = {
  [Name in Placeholders<At<typeof en, Path>>]: Name extends "count" ? number : string | number;
};
