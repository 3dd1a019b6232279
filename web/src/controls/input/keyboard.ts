// The keys of the player: those that viewers know from elsewhere.

import { playerText } from "../../texts/player/texts.ts";
import type { Commands } from "./commands.ts";

const SHORT_S = 5;
const LONG_S = 10;

/** The keys, with what they do. */
export function keys(): [names: string, does: string][] {
  return [
    [playerText("keys.names.space"), playerText("keys.toggle")],
    ["← →", playerText("keys.shortJump")],
    ["j l", playerText("keys.longJump")],
    ["↑ ↓", playerText("keys.volume")],
    ["m", playerText("keys.mute")],
    ["< >", playerText("keys.speed")],
    [playerText("keys.names.digits"), playerText("keys.tenth")],
    [playerText("keys.names.ends"), playerText("keys.ends")],
    ["c", playerText("keys.captions")],
    ["t", playerText("keys.panel")],
    ["f", playerText("keys.fullScreen")],
    ["?", playerText("keys.help")],
  ];
}

const ACTIONS: Record<string, (commands: Commands) => void> = {
  k: (commands) => commands.toggle(),
  " ": (commands) => commands.toggle(),
  j: (commands) => commands.seekBy(-LONG_S),
  l: (commands) => commands.seekBy(LONG_S),
  ArrowLeft: (commands) => commands.seekBy(-SHORT_S),
  ArrowRight: (commands) => commands.seekBy(SHORT_S),
  ArrowUp: (commands) => commands.stepVolume(1),
  ArrowDown: (commands) => commands.stepVolume(-1),
  Home: (commands) => commands.seekTo(0),
  End: (commands) => commands.seekTo(commands.durationS),
  m: (commands) => commands.toggleMute(),
  c: (commands) => commands.toggleCaptions(),
  t: (commands) => commands.togglePanel(),
  f: (commands) => void commands.toggleFullscreen(),
  "<": (commands) => commands.stepRate(-1),
  ">": (commands) => commands.stepRate(1),
  "?": (commands) => commands.toggleHelp(),
};

/** Act on a key that was meant for the player; true when it was. */
export function press(event: KeyboardEvent, commands: Commands): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  const target = event.composedPath()[0];
  if (target instanceof Element && takesKey(target, event.key)) return false;
  const action = actionOf(event.key);
  if (!action) return false;
  event.preventDefault();
  action(commands);
  return true;
}

function actionOf(key: string) {
  if (/^\d$/.test(key))
    return (commands: Commands) => commands.seekTo((commands.durationS * Number(key)) / 10);
  return ACTIONS[key] ?? ACTIONS[key.toLowerCase()];
}

// Fields take every key; buttons, links and menus those that work them.
function takesKey(target: Element, key: string): boolean {
  if (target.closest("input:not([type=range]), textarea, select, [contenteditable]")) return true;
  if (target.closest("[role=menu]")) return key.length > 1 || key === " ";
  if (target.closest("[role=slider], input[type=range]")) return /^(Arrow|Home|End|Page)/.test(key);
  return (key === " " || key === "Enter") && target.closest("button, a, summary") !== null;
}
