// The playlist above those of a kept lesson. The service names no such one in a licence, since the
// service's own lists all heights. Pure.

import type { LicensedFile } from "./licence.ts";

const HLS = "application/vnd.apple.mpegurl";

/** The playlist that names each of the kept ones, by name; null for a lesson that is one file. */
export function masterPlaylist(files: readonly LicensedFile[]): string | null {
  const playlistOf = ({ name }: LicensedFile) =>
    files.find((one) => one.type === HLS && stem(one.name) === stem(name))?.name;
  const rungs = files
    .map((file) => ({ ...file, playlist: playlistOf(file) }))
    .filter(({ type, playlist }) => playlist && type !== HLS);
  const picture = rungs.find(({ type }) => type.startsWith("video/"));
  const sound = rungs.find(({ type }) => type.startsWith("audio/"));
  const first = picture ?? sound;
  if (!first?.playlist) return null;
  const both = picture && sound?.playlist ? [picture, sound] : [first];
  const codecs = both.flatMap(({ type }) => codecsOf(type)).join(",");
  const attributes = [`BANDWIDTH=1000000`, ...(codecs ? [`CODECS="${codecs}"`] : [])];
  const lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"];
  if (both.length > 1) {
    const media = `TYPE=AUDIO,GROUP-ID="sound",NAME="sound",DEFAULT=YES,URI="${sound?.playlist}"`;
    lines.push(`#EXT-X-MEDIA:${media}`);
    attributes.push('AUDIO="sound"');
  }
  return [...lines, `#EXT-X-STREAM-INF:${attributes.join(",")}`, first.playlist, ""].join("\n");
}

/** `v720-9f86d081.mp4` -> `v720`: what a rung and its playlist have in common. */
function stem(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf("-")));
}

function codecsOf(type: string): string[] {
  const listed = /codecs="([^"]+)"/.exec(type)?.[1] ?? "";
  return listed.split(",").filter(Boolean);
}
