// A lesson in its module: picture, title, how far its preparation is, and what can be done with it.

import { useState } from "preact/hooks";
import { clock } from "../../browser/elements.ts";
import { ProgressBar } from "../../design/progress_bar.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { TitleDialog } from "../parts/forms.tsx";
import { Menu } from "../parts/menu.tsx";
import { go } from "../parts/navigation.ts";
import { Picture } from "../parts/picture.tsx";
import type { Lesson } from "../service/answers.ts";
import { videoAddress } from "../service/routes.ts";
import type { CourseModel } from "./course_model.ts";
import { deleteLesson } from "./delete_lesson.ts";
import { LessonStatus } from "./lesson_status.tsx";
import { Grip } from "./ordering/grip.tsx";
import { placeItems } from "./ordering/place_items.ts";

interface LessonRowProps {
  model: CourseModel;
  lesson: Lesson;
  place: number;
  /** How many lessons the module has. */
  count: number;
  move: (to: number) => void;
}

export function LessonRow({ model, lesson, place, count, move }: LessonRowProps) {
  const { api } = useStudio();
  const [isRenaming, setRenaming] = useState(false);
  const { id, title } = lesson;
  const rename = async (wanted: string) => void model.put(await api.renameVideo(id, wanted));
  return (
    <li class="lesson" data-video={id} data-status={lesson.status}>
      <Grip class="lesson__grip" name={title} place={place} move={move} />
      <span class="lesson__picture">
        <Picture lesson={lesson} />
        {lesson.duration !== null && <span class="length number">{clock(lesson.duration)}</span>}
      </span>
      <div class="lesson__words">
        <a class="lesson__title" href={videoAddress(id)}>
          <bdi>{title}</bdi>
        </a>
        <LessonStatus lesson={lesson} />
        {lesson.status === "processing" && (
          <ProgressBar
            value={lesson.processing_ratio}
            label={text("studio.preparation", { name: title })}
          />
        )}
      </div>
      <Menu
        label={text("studio.more", { name: title })}
        items={[
          { label: text("studio.rename"), icon: "pencil", run: () => setRenaming(true) },
          {
            label: text("studio.video.tabs.captions"),
            icon: "caption",
            run: () => go(videoAddress(id, "captions")),
          },
          ...placeItems(place, count, move),
          {
            label: text("common.delete"),
            icon: "trash",
            run: () => void deleteLesson(api, lesson, model),
            isDangerous: true,
          },
        ]}
      />
      {isRenaming && (
        <TitleDialog
          heading={text("studio.rename")}
          title={title}
          action={text("common.save")}
          save={rename}
          onClose={() => setRenaming(false)}
        />
      )}
    </li>
  );
}
