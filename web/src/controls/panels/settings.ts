// The settings of the menu: speed, quality, captions and their look.

import { CAPTION_GROUNDS, CAPTION_SIZES } from "../../browser/preferences.ts";
import type { QualityChoice, Rung } from "../../playback/qualities.ts";
import type { Size } from "../../service/answers.ts";
import { languageName, megabytes, playerText } from "../../texts/player/texts.ts";
import { type Commands, RATES } from "../input/commands.ts";
import type { Choice, Setting } from "./menu.ts";

/** The rungs that can be chosen, the one that plays, and how large each is. */
export interface Ladder {
  rungs: Rung[];
  current: Rung | null;
  sizes: Size[];
}

export function settingsOf(commands: Commands, ladder: () => Ladder): Setting[] {
  return [
    { label: playerText("settings.speed"), choices: () => speeds(commands) },
    { label: playerText("settings.quality"), choices: () => qualities(commands, ladder()) },
    { label: playerText("settings.captions"), choices: () => captions(commands) },
    { label: playerText("settings.captionSize"), choices: () => captionSizes(commands) },
    { label: playerText("settings.captionGround"), choices: () => captionGrounds(commands) },
    {
      label: playerText("settings.download"),
      choices: () => [],
      open: () => commands.openDownloads(),
    },
  ];
}

function speeds(commands: Commands): Choice[] {
  return RATES.map((rate) => ({
    label: rate === 1 ? playerText("settings.normalSpeed") : `${rate}×`,
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
  const now = current ? playerText("settings.now", { quality: `${current.height}p` }) : undefined;
  const heights = [...new Set(rungs.map(({ height }) => height))].sort((a, b) => b - a);
  return [
    row("auto", playerText("settings.automatic"), now),
    ...heights.map((height) => row(height, `${height}p`, noteOf(height))),
    row("save", playerText("settings.save")),
    row("listen", playerText("settings.listen"), noteOf(null)),
  ];
}

function captions(commands: Commands): Choice[] {
  const languages = commands.languages();
  if (!languages.length) return [];
  const { captions: chosen } = commands.preferences;
  const isOff = chosen === null || !languages.includes(chosen);
  return [
    {
      label: playerText("settings.off"),
      isChosen: isOff,
      choose: () => commands.setCaptions(null),
    },
    ...languages.map((language) => ({
      label: languageName(language),
      isChosen: language === chosen,
      choose: () => commands.setCaptions(language),
    })),
  ];
}

function captionSizes(commands: Commands): Choice[] {
  if (!commands.languages().length) return [];
  return CAPTION_SIZES.map((captionSize) => ({
    label: playerText(`settings.captionSizes.${captionSize}`),
    isChosen: commands.preferences.captionSize === captionSize,
    choose: () => commands.prefer({ captionSize }),
  }));
}

function captionGrounds(commands: Commands): Choice[] {
  if (!commands.languages().length) return [];
  return CAPTION_GROUNDS.map((captionGround) => ({
    label: playerText(`settings.captionGrounds.${captionGround}`),
    isChosen: commands.preferences.captionGround === captionGround,
    choose: () => commands.prefer({ captionGround }),
  }));
}
