// The settings of the menu: speed, quality, captions and their look.

import { languageName } from "../browser/elements.ts";
import { CAPTION_GROUNDS, CAPTION_SIZES } from "../browser/preferences.ts";
import { megabytes, type QualityChoice, type Rung } from "../playback/qualities.ts";
import type { Size } from "../service/answers.ts";
import { type Commands, RATES } from "./commands.ts";
import type { Choice, Setting } from "./menu.ts";

/** The rungs that can be chosen, the one that plays, and how large each is. */
export interface Ladder {
  rungs: Rung[];
  current: Rung | null;
  sizes: Size[];
}

export function settingsOf(commands: Commands, ladder: () => Ladder): Setting[] {
  return [
    { label: "Speed", choices: () => speeds(commands) },
    { label: "Quality", choices: () => qualities(commands, ladder()) },
    { label: "Captions", choices: () => captions(commands) },
    { label: "Caption size", choices: () => looks(commands, "captionSize", CAPTION_SIZES) },
    {
      label: "Caption background",
      choices: () => looks(commands, "captionGround", CAPTION_GROUNDS),
    },
    { label: "Download", choices: () => [], open: () => commands.openDownloads() },
  ];
}

function speeds(commands: Commands): Choice[] {
  return RATES.map((rate) => ({
    label: rate === 1 ? "Normal" : `${rate}×`,
    isChosen: commands.preferences.rate === rate,
    choose: () => commands.setRate(rate),
  }));
}

function qualities(commands: Commands, { rungs, current, sizes }: Ladder): Choice[] {
  const { quality } = commands.preferences;
  if (!rungs.length && quality !== "listen") return [];
  const noteOf = (height: number | null) => {
    const size = sizes.find((one) => one.height === height);
    return size && megabytes(size.bytes);
  };
  const row = (choice: QualityChoice, label: string, note?: string): Choice => ({
    label,
    note,
    isChosen: quality === choice,
    choose: () => commands.prefer({ quality: choice }),
  });
  const heights = [...new Set(rungs.map(({ height }) => height))].sort((a, b) => b - a);
  return [
    row("auto", "Automatic", current ? `${current.height}p now` : undefined),
    ...heights.map((height) => row(height, `${height}p`, noteOf(height))),
    row("save", "Save data"),
    row("listen", "Listen only", noteOf(null)),
  ];
}

function captions(commands: Commands): Choice[] {
  const languages = commands.languages();
  if (!languages.length) return [];
  const { captions: chosen } = commands.preferences;
  const isOff = chosen === null || !languages.includes(chosen);
  return [
    { label: "Off", isChosen: isOff, choose: () => commands.setCaptions(null) },
    ...languages.map((language) => ({
      label: languageName(language),
      isChosen: language === chosen,
      choose: () => commands.setCaptions(language),
    })),
  ];
}

function looks<Name extends "captionSize" | "captionGround">(
  commands: Commands,
  name: Name,
  values: readonly string[],
): Choice[] {
  if (!commands.languages().length) return [];
  return values.map((value) => ({
    label: value.slice(0, 1).toUpperCase() + value.slice(1),
    isChosen: commands.preferences[name] === value,
    choose: () => commands.prefer({ [name]: value }),
  }));
}
