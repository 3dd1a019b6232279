// Undoing deletions: a deleted course or module comes back with its id, and its videos by restoring
// each of them.

import type { CourseSummary, ModuleWithLessons } from "../service/answers.ts";
import type { StudioApi } from "../service/studio_api.ts";

export async function bringBack(
  api: StudioApi,
  course: Pick<CourseSummary, "id" | "title">,
  modules: readonly ModuleWithLessons[],
  isCourseGone = false,
): Promise<void> {
  if (isCourseGone) await api.putCourse(course.id, course.title);
  for (const module of modules) {
    await api.putModule(course.id, module);
    for (const { id } of module.videos) await api.restoreVideo(id);
  }
}
