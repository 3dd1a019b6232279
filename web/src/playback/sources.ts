// The ways to play a video in this browser, the best first: the ladder by Media Source Extensions,
// the ladder by the browser's own HLS, then the files by how sure the browser is of their type.

import type { Terms } from "../service/answers.ts";

export interface Candidate {
  kind: "hls.js" | "file";
  url: string;
}

const HLS = "application/vnd.apple.mpegurl";
const SURENESS = ["probably", "maybe"];

type CanPlay = (type: string) => CanPlayTypeResult;

/** iPhones have ManagedMediaSource alone, which hls.js knows as well. */
export function hasMediaSource(): boolean {
  return "MediaSource" in globalThis || "ManagedMediaSource" in globalThis;
}

export function candidates(
  terms: Pick<Terms, "hls_url" | "sources">,
  canPlay: CanPlay,
  canFeed: boolean,
): Candidate[] {
  const ladder: Candidate[] = [];
  if (terms.hls_url && canFeed) ladder.push({ kind: "hls.js", url: terms.hls_url });
  if (terms.hls_url && canPlay(HLS)) ladder.push({ kind: "file", url: terms.hls_url });
  const files = SURENESS.flatMap((sureness) =>
    terms.sources.filter(({ type }) => canPlay(type) === sureness),
  );
  return [...ladder, ...files.map(({ url }): Candidate => ({ kind: "file", url }))];
}
