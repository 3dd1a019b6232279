// The file of a lesson: what it is, its qualities, download, replacement, deletion.

import { useState } from "preact/hooks";
import { clock } from "../../browser/elements.ts";
import { Button, ButtonLink } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { Dialog } from "../../design/overlays/dialog.tsx";
import { bytes, text } from "../../texts/texts.ts";
import { Qualities } from "../courses/lesson_status.tsx";
import { useStudio } from "../parts/context.ts";
import { FileButton } from "../parts/file_button.tsx";
import type { Lesson } from "../service/answers.ts";
import { addFiles } from "../uploads/add_files.ts";
import { ACCEPT } from "../uploads/names.ts";

export function FileTab({ lesson, remove }: { lesson: Lesson; remove: () => void }) {
  return (
    <div class="stack">
      <h2>{text("studio.video.fileFacts")}</h2>
      <Facts lesson={lesson} />
      {!!lesson.renditions?.length && (
        <div>
          <p class="quiet">{text("studio.qualities")}</p>
          <Qualities renditions={lesson.renditions} />
        </div>
      )}
      <div class="tools">
        <Download lesson={lesson} />
        <Replace lesson={lesson} />
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
          <dd>
            <bdi>{value}</bdi>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Download({ lesson: { id, size, status } }: { lesson: Lesson }) {
  const address = useStudio().api.downloadUrl(id);
  if (!address || size === null || status !== "ready") return null;
  return (
    <ButtonLink kind="quiet" href={address} isDownload>
      <Icon name="download" />
      {text("studio.video.download", { size: bytes(size) })}
    </ButtonLink>
  );
}

function Replace({ lesson }: { lesson: Lesson }) {
  const studio = useStudio();
  const [file, setFile] = useState<File | null>(null);
  const { id: replaces, course_id: courseId, module_id: moduleId, title: name } = lesson;
  const goAhead = () => {
    if (file)
      void addFiles(studio, [{ file, handle: null }], {
        userId: studio.userId,
        courseId,
        moduleId,
        replaces,
        title: name,
      });
    setFile(null);
  };
  return (
    <>
      <FileButton accept={ACCEPT} choose={(files) => setFile(files[0] ?? null)}>
        <Icon name="swap" />
        {text("studio.video.replace")}
      </FileButton>
      {file && (
        <Dialog
          title={text("studio.video.replaceTitle", { name })}
          onClose={() => setFile(null)}
          actions={
            <>
              <Button kind="quiet" onClick={() => setFile(null)}>
                {text("common.cancel")}
              </Button>
              <Button onClick={goAhead}>{text("studio.video.replace")}</Button>
            </>
          }
        >
          <p>
            <strong>
              <bdi>{file.name}</bdi>
            </strong>{" "}
            <span class="quiet number">{bytes(file.size)}</span>
          </p>
          <p>{text("studio.video.replaceText")}</p>
        </Dialog>
      )}
    </>
  );
}
