// The picture that stands for a lesson: a frame of the film, or one that the teacher sends.

import { useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { showToast } from "../../design/overlays/toasts.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { attempt } from "../parts/failures.ts";
import { FileButton } from "../parts/file_button.tsx";
import { Picture } from "../parts/picture.tsx";
import type { Lesson } from "../service/answers.ts";
import type { Preview } from "./preview.ts";
import { formatTime } from "./times.ts";

const TYPES = ["image/jpeg", "image/png", "image/webp"];
const MAX_BYTES = 20 * 2 ** 20; // what the server takes

interface PictureTabProps {
  lesson: Lesson;
  preview: Preview;
  changed: (lesson: Lesson) => void;
}

export function PictureTab({ lesson, preview, changed }: PictureTabProps) {
  const { api } = useStudio();
  const [isBusy, setBusy] = useState(false);
  const take = async (ask: () => Promise<Lesson>) => {
    setBusy(true);
    await attempt(async () => {
      changed(await ask());
      showToast({ message: text("studio.video.pictureChanged") });
    });
    setBusy(false);
  };
  const send = (picture: File) => {
    const complaint = complaintAbout(picture);
    if (complaint) showToast({ message: complaint, tone: "bad" });
    else void take(() => api.sendPicture(lesson.id, picture));
  };
  const at = preview.time.value;
  return (
    <div class="picture-tab">
      <figure>
        <Picture lesson={lesson} size="large" alt={text("studio.video.pictureNow")} />
        <figcaption class="quiet">
          {isBusy ? text("studio.video.making") : text("studio.video.pictureNow")}
        </figcaption>
      </figure>
      <div class="stack">
        <p class="quiet">{text("studio.video.useFrameHint")}</p>
        <Button disabled={isBusy} onClick={() => void take(() => api.chooseFrame(lesson.id, at))}>
          <Icon name="film" />
          <span class="number">{text("studio.video.useFrame", { time: formatTime(at) })}</span>
        </Button>
        <FileButton
          accept={TYPES.join()}
          disabled={isBusy}
          choose={(files) => send(files[0] as File)}
        >
          <Icon name="upload" />
          {text("studio.video.sendPicture")}
        </FileButton>
        <p class="quiet">{text("studio.video.pictureFormats")}</p>
      </div>
    </div>
  );
}

function complaintAbout({ type, size }: File): string | null {
  if (!TYPES.includes(type)) return text("studio.video.pictureWrong");
  return size > MAX_BYTES ? text("studio.video.pictureTooLarge") : null;
}
