// A share as a bar with its figure.

import { percent, text } from "../texts/texts.ts";
import { ProgressBar } from "./progress_bar.tsx";

export function Share({ ratio }: { ratio: number }) {
  const share = percent(ratio);
  return (
    <span class="share">
      <ProgressBar value={ratio} label={text("lesson.progress", { share })} />
      <span class="number">{share}</span>
    </span>
  );
}
