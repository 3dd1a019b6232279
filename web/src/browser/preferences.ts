// Choices that a viewer makes once for all pages of this browser: language, colour scheme, and of
// videos speed, volume, captions, quality.

import { isQualityChoice, type QualityChoice } from "../playback/qualities.ts";
import { PREFERENCES } from "./stored_names.ts";
import { browserStore, readJson, writeJson } from "./stores.ts";

export const CAPTION_SIZES = ["small", "medium", "large"] as const;
export const CAPTION_GROUNDS = ["shaded", "solid", "none"] as const;
export const SCHEMES = ["system", "light", "dark"] as const;
export type Scheme = (typeof SCHEMES)[number];

export interface Preferences {
  rate: number;
  volume: number;
  isMuted: boolean;
  /** The language of captions; null for none. */
  captions: string | null;
  captionSize: (typeof CAPTION_SIZES)[number];
  captionGround: (typeof CAPTION_GROUNDS)[number];
  quality: QualityChoice;
  hasPanel: boolean;
  /** The language of the pages; null for the browser's. */
  language: string | null;
  scheme: Scheme;
}

const DEFAULTS: Preferences = {
  rate: 1,
  volume: 1,
  isMuted: false,
  captions: null,
  captionSize: "medium",
  captionGround: "shaded",
  quality: "auto",
  hasPanel: false,
  language: null,
  scheme: "system",
};

/** What is kept, with the default for each value that is missing or makes no sense. */
export function readPreferences(kept: unknown = readJson(browserStore, PREFERENCES)): Preferences {
  const found = (typeof kept === "object" && kept ? kept : {}) as Record<string, unknown>;
  const within = (name: "rate" | "volume", least: number, most: number) => {
    const value = found[name];
    return typeof value === "number" && value >= least && value <= most ? value : DEFAULTS[name];
  };
  const oneOf = <T extends string>(name: string, values: readonly T[], other: T) =>
    values.find((value) => value === found[name]) ?? other;
  return {
    rate: within("rate", 0.5, 2),
    volume: within("volume", 0, 1),
    isMuted: found.isMuted === true,
    captions: typeof found.captions === "string" ? found.captions : null,
    captionSize: oneOf("captionSize", CAPTION_SIZES, DEFAULTS.captionSize),
    captionGround: oneOf("captionGround", CAPTION_GROUNDS, DEFAULTS.captionGround),
    quality: isQualityChoice(found.quality) ? found.quality : DEFAULTS.quality,
    hasPanel: found.hasPanel === true,
    language: typeof found.language === "string" ? found.language : null,
    scheme: oneOf("scheme", SCHEMES, DEFAULTS.scheme),
  };
}

/** Keep some of them beside what other pages have kept meanwhile. */
export function keepPreferences(changed: Partial<Preferences>): Preferences {
  const all = { ...readPreferences(), ...changed };
  writeJson(browserStore, PREFERENCES, all);
  return all;
}
