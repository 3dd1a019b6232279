// Deleting a lesson at once, with a way back.

import { showToast } from "../../design/overlays/toasts.tsx";
import { text } from "../../texts/texts.ts";
import { attempt } from "../parts/failures.ts";
import { offerUndo } from "../parts/undo_offer.ts";
import type { Lesson } from "../service/answers.ts";
import type { StudioApi } from "../service/studio_api.ts";
import type { CourseModel } from "./course_model.ts";

/** True when it is deleted; `model` shows the course that the lesson is part of, if any does. */
export async function deleteLesson(
  api: StudioApi,
  { id, title: name }: Lesson,
  model: CourseModel | null,
): Promise<boolean> {
  if (!(await attempt(() => api.deleteVideo(id)))) return false;
  model?.remove(id);
  const undo = () =>
    attempt(async () => {
      const lesson = await api.restoreVideo(id);
      model?.put(lesson);
      showToast({ message: text("studio.restored", { name }) });
    });
  offerUndo(text("studio.deleted", { name }), undo);
  return true;
}
