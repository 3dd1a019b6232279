// A question that stands over the page, whatever part of it asks.

import { type ComponentChild, render } from "preact";

/** Show what `draw` returns until it calls back with the answer. */
export function ask<Answer>(
  draw: (answer: (chosen: Answer) => void) => ComponentChild,
): Promise<Answer> {
  const place = document.createElement("div");
  document.body.append(place);
  return new Promise((resolve) => {
    const answer = (chosen: Answer) => {
      render(null, place);
      place.remove();
      resolve(chosen);
    };
    render(draw(answer), place);
  });
}
