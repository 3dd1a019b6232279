// The storyboard of a video: the picture of each second, its sheets fetched once.

import { useEffect, useState } from "preact/hooks";
import { type Tile, tileAt } from "../../element/storyboard.ts";
import { type Cue, parseWebVtt } from "../../element/webvtt.ts";
import type { Api } from "../../service/api.ts";
import { useDashboard } from "../parts/context.ts";

/** A tile whose sheet is here; `url` is an address that an image may have. */
export type Picture = Tile;

export interface Storyboard {
  at(positionS: number): Picture | null;
}

/** Null while it is loading, and for a video without one. */
export function useStoryboard(videoId: string): Storyboard | null {
  const { api } = useDashboard();
  const [storyboard, setStoryboard] = useState<Storyboard | null>(null);
  useEffect(() => {
    const left = new AbortController();
    const addresses: string[] = [];
    const show = async () => {
      const read = await readStoryboard(api, videoId, left.signal, addresses);
      if (!left.signal.aborted) setStoryboard(read);
    };
    show().catch(() => {}); // the curve says all of it without pictures
    return () => {
      left.abort();
      for (const address of addresses) URL.revokeObjectURL(address);
    };
  }, [videoId]);
  return storyboard;
}

async function readStoryboard(
  api: Api,
  videoId: string,
  signal: AbortSignal,
  addresses: string[],
): Promise<Storyboard> {
  const path = `/api/v1/videos/${encodeURIComponent(videoId)}/storyboard.vtt`;
  const base = new URL(path, location.origin).href;
  const cues = parseWebVtt(await api.vtt(path));
  const sheets = new Map<string, string>();
  for (const url of sheetsOf(cues, base)) {
    const picture = await api.picture(url);
    if (signal.aborted) break;
    const address = URL.createObjectURL(picture);
    addresses.push(address);
    sheets.set(url, address);
  }
  return {
    at(positionS) {
      const tile = tileAt(cues, positionS, base);
      const url = tile && sheets.get(tile.url);
      return url ? { ...tile, url } : null;
    },
  };
}

function sheetsOf(cues: readonly Cue[], base: string): Set<string> {
  const tiles = cues.map(({ startS }) => tileAt(cues, startS, base));
  return new Set(tiles.filter((tile) => tile !== null).map(({ url }) => url));
}
