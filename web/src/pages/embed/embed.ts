// The player alone, in a frame of another site. The token comes in the fragment, which no server
// sees, or from the page around it, which is asked when it has ended; what can be told and asked is
// the vocabulary of player.js. Only pages of CORS_ORIGINS can frame this one.

import "../../element/course-video.ts";
import type { CourseVideoElement } from "../../element/course-video.ts";
import { speakAround } from "../../texts/player/texts.ts";
import { Remote } from "./remote.ts";

const PATIENCE_MS = 10_000;

const player = document.querySelector("course-video") as CourseVideoElement;
// A page without a language of its own has the player's.
document.documentElement.lang = speakAround(player);
const remote = new Remote(player, window.parent);
let handedOver = takeFragmentToken();
let handOver: (token: string) => void = () => {};

remote.onToken = (token) => {
  handedOver = token;
  handOver(token);
  player.load();
};
player.getToken = (isRefused) => {
  const token = isRefused ? null : handedOver;
  return token ?? askParent();
};
player.video = decodeURIComponent(location.pathname.split("/")[2] ?? "");
remote.listen();

/** The token of the address, which it is taken out of. */
function takeFragmentToken(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

function askParent(): Promise<string | null> {
  if (window.parent === window) return Promise.resolve(null);
  return new Promise((resolve) => {
    handOver = resolve;
    remote.emit("tokenneeded");
    setTimeout(() => resolve(null), PATIENCE_MS);
  });
}
