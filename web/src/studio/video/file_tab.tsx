// The file of a lesson: what it is, its qualities, download, replacement, deletion.

import { clock } from "../../browser/elements.ts";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { bytes, text } from "../../texts/texts.ts";
import { LessonStatus, Qualities } from "../courses/lesson_status.tsx";
import type { Lesson } from "../service/answers.ts";

export function FileTab({ lesson, remove }: { lesson: Lesson; remove: () => void }) {
  return (
    <div class="stack">
      <h2>{text("studio.video.fileFacts")}</h2>
      <Facts lesson={lesson} />
      <LessonStatus lesson={lesson} />
      <Qualities renditions={lesson.renditions ?? []} />
      <div class="tools">
        <Button kind="danger" onClick={remove}>
          <Icon name="trash" />
          {text("studio.video.delete")}
        </Button>
      </div>
    </div>
  );
}

function Facts({ lesson }: { lesson: Lesson }) {
  const { original_filename: name, original_size: size, width, height, duration } = lesson;
  const facts = [
    [text("studio.video.fileName"), name],
    [text("studio.video.fileSize"), bytes(size)],
    [text("studio.video.filePicture"), width && height ? `${width} × ${height}` : "–"],
    [text("studio.video.fileLength"), duration === null ? "–" : clock(duration)],
  ];
  return (
    <dl class="facts">
      {facts.map(([term, value]) => (
        <div key={term}>
          <dt class="quiet">{term}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
