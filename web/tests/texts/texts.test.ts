import { describe, expect, it, vi } from "vitest";
import { de } from "../../src/texts/de.ts";
import { en } from "../../src/texts/en.ts";
import { chooseLanguage } from "../../src/texts/language.ts";
import { de as playerDe } from "../../src/texts/player/de.ts";
import { en as playerEn } from "../../src/texts/player/en.ts";
import { bytes, duration, percent, text } from "../../src/texts/texts.ts";
import { fill } from "../../src/texts/words.ts";

// Before the modules read it.
vi.hoisted(() => vi.stubGlobal("navigator", { languages: ["en-US"] }));

describe("a text", () => {
  const german = (count: number) => fill(de, "de", "home.found", { count });

  it("has its values filled in", () =>
    expect(text("home.done", { done: 3, all: "12" })).toBe("3 of 12 completed"));

  it("is not turned around by a title from right to left", () => {
    const stoppedIn = (title: string) => text("dashboard.stoppedIn", { title, time: "0:12" });
    expect(stoppedIn("مقدمة 1")).toBe("\u2068مقدمة 1\u2069, 0:12");
    expect(stoppedIn("Optics 1")).toBe("Optics 1, 0:12");
  });

  it.each([
    [0, "0 Lektionen gefunden"],
    [1, "1 Lektion gefunden"],
    [12_345, "12.345 Lektionen gefunden"],
  ])("of the count %d has the form and the number of its language", (count, said) =>
    expect(german(count)).toBe(said),
  );

  it.each([
    [0, "0%"],
    [0.29, "29%"],
    [0.999, "99%"],
    [1.2, "100%"],
    [null, "0%"],
  ])("of the share %s never says more", (ratio, said) => expect(percent(ratio)).toBe(said));

  it.each([
    [20, "1 min"],
    [754, "13 min"],
    [3900, "1 h 5 min"],
  ])("of %d seconds is short", (seconds, said) => expect(duration(seconds)).toBe(said));

  it.each([
    [0, "0 bytes"],
    [1500, "2 kB"],
    [12_340_000, "12.3 MB"],
  ])("of %d bytes has their unit", (count, said) => expect(bytes(count)).toBe(said));
});

describe("the language", () => {
  it.each([
    [["de", "en"], "de"],
    [[null, "de-AT"], "de"],
    [[null, "xx", "de"], "de"],
    [["xx", "fr"], "en"],
    [[], "en"],
  ] as const)("of %j is %s", (wanted, chosen) => expect(chooseLanguage(wanted)).toBe(chosen));
});

/** Path -> text of a catalogue, its plural forms apart. */
function flat(part: object, before = ""): [string, string][] {
  return Object.entries(part).flatMap(([name, value]) =>
    typeof value === "string" ? [[before + name, value]] : flat(value, `${before}${name}.`),
  );
}

const placeholders = (said: string) =>
  [...said.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();

describe.each<[string, object, object]>([
  ["of the pages", en, de],
  ["of the player", playerEn, playerDe],
])("the German catalogue %s", (_, original, catalogue) => {
  const english = Object.fromEntries(flat(original));
  const translated = flat(catalogue);

  it("has every text of the English one", () => {
    const paths = new Set(translated.map(([path]) => path));
    expect(Object.keys(english).filter((path) => !paths.has(path))).toEqual([]);
  });

  it("has the placeholders of the English one", () => {
    const differing = translated.filter(
      ([path, said]) => `${placeholders(said)}` !== `${placeholders(english[path] ?? said)}`,
    );
    expect(differing).toEqual([]);
  });

  it("leaves nothing empty", () =>
    expect(translated.filter(([, said]) => !said.trim())).toEqual([]));
});
