// A share as a bar with its figure.

import { percent, text } from "../texts/texts.ts";
import { ProgressBar } from "./progress_bar.tsx";

interface ShareProps {
  ratio: number;
  /** Says of what, with the share; else that so much was seen. */
  label?: string;
}

export function Share({ ratio, label }: ShareProps) {
  const share = percent(ratio);
  return (
    <span class="share">
      <ProgressBar value={ratio} label={label ?? text("lesson.progress", { share })} />
      <span class="number">{share}</span>
    </span>
  );
}
