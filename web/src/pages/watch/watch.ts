// The page of one lesson: first the player, which nothing has to be drawn for, then all around it.

import "../../element/course-video.ts";
import type { CourseVideoElement } from "../../element/course-video.ts";
import { Service } from "../../service/service.ts";
import { type Absence, adoptViewer } from "../../session/session.ts";
import type { Viewer } from "../../session/viewer.ts";
import { applyLanguage } from "../../texts/language.ts";

// On a slow line the page must not look empty until there is a picture.
const FRAME_PATIENCE_MS = 400;
const FONT_PATIENCE_MS = 600;
const FONT = "1em 'Inter Variable'";

applyLanguage();
const player = document.getElementById("player") as CourseVideoElement;
const videoId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
beginAt(location.search);
const opened = open();
void (async () => {
  const ready = [playerHasBegun(), opened.then(needsFrame), patience(FRAME_PATIENCE_MS)];
  await Promise.race(ready).catch(() => {});
  const [{ drawFrame }] = await Promise.all([import("./frame.tsx"), settleFont()]);
  await drawFrame(player, videoId, opened);
})();

/** The first picture is there, or will not be: what stands around the player keeps nobody up. */
function playerHasBegun(): Promise<unknown> {
  return new Promise((resolve) => {
    for (const type of ["loadeddata", "course-error"])
      player.addEventListener(type, resolve, { once: true });
  });
}

/** Settles where nobody plays, who is to be told so. */
function needsFrame(found: Viewer | Absence | null): Promise<void> {
  const isPlaying = typeof found === "object";
  return isPlaying ? new Promise(() => {}) : Promise.resolve();
}

/** Letters keep the font that they are first drawn in: another one would move the page. */
async function settleFont() {
  const isThere = document.fonts.load(FONT).then(() => true);
  const isLate = patience(FONT_PATIENCE_MS).then(() => false);
  if (!(await Promise.race([isThere, isLate]).catch(() => false)))
    document.documentElement.dataset.font = "system";
}

function patience(waitMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, waitMs));
}

/** The viewer, for whom it plays; null where the copy on this device plays for whoever kept it. */
async function open(): Promise<Viewer | Absence | null> {
  const adopted = await adoptViewer().catch((error: unknown) => error as Error);
  const isKnown = typeof adopted === "object" && "userId" in adopted;
  if (isKnown) play(adopted);
  else if (await isServiceAway()) return playAlone();
  if (adopted instanceof Error) throw adopted;
  return adopted;
}

/** Begin at the second that a link names (`?t=754`), once; later the lesson goes on as always. */
function beginAt(address: string) {
  const startS = Number.parseFloat(new URLSearchParams(address).get("t") ?? "");
  if (!(startS >= 0)) return;
  const seek = () => {
    player.currentTime = startS;
  };
  player.addEventListener("course-ready", seek, { once: true });
}

function play({ userId, token }: Viewer) {
  if (token) player.getToken = (isRefused) => (isRefused ? null : token);
  else player.sessionUser = userId;
  player.video = videoId;
}

/** Play a kept lesson where nobody is signed in any more. */
function playAlone(): null {
  player.getToken = () => null;
  player.video = videoId;
  return null;
}

/** True on a page that comes from this device because the service does not answer. */
async function isServiceAway(): Promise<boolean> {
  if (!navigator.serviceWorker?.controller) return false;
  return !(await new Service(location.origin, () => null).isReachable());
}
