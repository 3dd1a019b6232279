// A share as a bar with its figure.

import { ProgressBar } from "../../design/progress_bar.tsx";
import { percent, text } from "../../texts/texts.ts";

export function Share({ ratio }: { ratio: number }) {
  const share = percent(ratio);
  return (
    <span class="share">
      <ProgressBar value={ratio} label={text("lesson.progress", { share })} />
      <span class="number">{share}</span>
    </span>
  );
}
