// The page of one lesson: first the player, which nothing has to be drawn for, then all around it.

import "../../element/course-video.ts";
import type { CourseVideoElement } from "../../element/course-video.ts";
import { Service } from "../../service/service.ts";
import { type Absence, adoptViewer } from "../../session/session.ts";
import type { Viewer } from "../../session/viewer.ts";
import { applyLanguage } from "../../texts/texts.ts";

applyLanguage();
const player = document.getElementById("player") as CourseVideoElement;
const videoId = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const opened = open();
void import("./frame.tsx").then(({ drawFrame }) => drawFrame(player, videoId, opened));

/** The viewer, for whom it plays; null where the copy on this device plays for whoever kept it. */
async function open(): Promise<Viewer | Absence | null> {
  const adopted = await adoptViewer().catch((error: unknown) => error as Error);
  const isKnown = typeof adopted === "object" && "userId" in adopted;
  if (isKnown) play(adopted);
  else if (await isServiceAway()) return playAlone();
  if (adopted instanceof Error) throw adopted;
  return adopted;
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
