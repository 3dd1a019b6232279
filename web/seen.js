// The strip under the video: which of its seconds have been seen.

import { percent } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";

export function drawSeen(strip, watched, durationS) {
  if (!(durationS > 0)) return;
  strip.setAttribute("viewBox", `0 0 ${durationS} 1`);
  const seenS = watched.reduce((sum, [from, to]) => sum + to - from, 0);
  strip.setAttribute("aria-label", `${percent(seenS / durationS)} of the video seen`);
  strip.replaceChildren(...watched.map(([from, to]) => piece(from, to)));
}

function piece(from, to) {
  const rect = document.createElementNS(SVG, "rect");
  const attributes = { x: from, y: 0, width: to - from, height: 1 };
  for (const [name, value] of Object.entries(attributes)) rect.setAttribute(name, value);
  return rect;
}
