// How far the preparation of a lesson is: the film itself, then its further qualities.

import { failureInWords } from "../../courses/failure.ts";
import { Chip } from "../../design/chip.tsx";
import { percent, text } from "../../texts/texts.ts";
import type { Lesson, Rendition } from "../service/answers.ts";

export function LessonStatus({ lesson }: { lesson: Lesson }) {
  const { status, processing_ratio: ratio, failure } = lesson;
  if (status === "processing")
    return (
      <Chip kind="waiting" icon="clock">
        {text("studio.status.preparing", { share: percent(ratio) })}
      </Chip>
    );
  if (status === "failed")
    return (
      <>
        <Chip kind="failed" icon="alert">
          {text("studio.status.failed")}
        </Chip>
        {failure && <p class="lesson__failure">{failureInWords(failure)}</p>}
      </>
    );
  const isSharper = (lesson.renditions ?? []).some(isUnfinished);
  return (
    <Chip kind="ready" icon="check">
      {text(isSharper ? "studio.status.sharper" : "studio.status.ready")}
    </Chip>
  );
}

/** Each quality with its state. */
export function Qualities({ renditions }: { renditions: readonly Rendition[] }) {
  if (!renditions.length) return null;
  return (
    <ul class="qualities" aria-label={text("studio.qualities")}>
      {renditions.map(({ height, state }) => (
        <li key={height}>
          <Chip kind={state === "ready" ? "ready" : state === "failed" ? "failed" : "waiting"}>
            {text(`studio.qualityStates.${state}`, { height: `${height}p` })}
          </Chip>
        </li>
      ))}
    </ul>
  );
}

function isUnfinished({ state }: Rendition): boolean {
  return state === "waiting" || state === "processing";
}
