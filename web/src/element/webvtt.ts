// WebVTT (W3C) as this service writes it: it has rewritten what was uploaded, so the blocks are
// regular. Reads times and texts; what the texts mean is left to the browser's VTTCue, and no text
// ever becomes HTML. Linear, pure.

export interface Cue {
  startS: number;
  endS: number;
  text: string;
}

const TIMING = /^(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})[ \t]+-->[ \t]+(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})/;

export function parseWebVtt(text: string): Cue[] {
  const blocks = text.replaceAll(/\r\n?/g, "\n").split(/\n\n+/);
  return blocks.map(parseBlock).filter((cue) => cue !== null);
}

function parseBlock(block: string): Cue | null {
  const lines = block.split("\n");
  const place = lines.findIndex((line) => line.includes("-->"));
  const match = TIMING.exec(lines[place] ?? "");
  if (!match) return null;
  const [, startH, startM, startS, endH, endM, endS] = match;
  return {
    startS: seconds(startH, startM, startS),
    endS: seconds(endH, endM, endS),
    text: lines.slice(place + 1).join("\n"),
  };
}

function seconds(hours = "0", minutes = "0", rest = "0"): number {
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}

const ENTITIES: Record<string, string> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&nbsp;": "\u00a0",
  "&lrm;": "\u200e",
  "&rlm;": "\u200f",
};

/** A cue's text without its tags, for lists and search. */
export function plainText(text: string): string {
  const bare = text
    .replaceAll(/<[^>]*>?/g, "")
    .replaceAll(/&\w+;/g, (name) => ENTITIES[name] ?? name);
  return bare.replaceAll(/\s+/g, " ").trim();
}

/** The last cue that has begun at `positionS`, in a list sorted by start; -1 before the first. */
export function cueIndexAt(cues: readonly Cue[], positionS: number): number {
  let low = 0;
  let high = cues.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cues[middle]?.startS ?? 0) <= positionS) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
