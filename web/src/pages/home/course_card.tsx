// Courses as cards: a picture, how far the viewer is, what comes next.

import type { Outline } from "../../courses/outline.ts";
import { Picture } from "../../courses/picture.tsx";
import { Chip } from "../../design/chip.tsx";
import { ProgressBar } from "../../design/progress_bar.tsx";
import { percent, text } from "../../texts/texts.ts";
import { lessonToResume, progressOf } from "./search.ts";
import type { Shelf } from "./shelf.ts";
import { courseHref, follow } from "./view.ts";

export function CourseCards({ shelf, courses }: { shelf: Shelf; courses: readonly Outline[] }) {
  return (
    <ul class="course-cards">
      {courses.map((course) => (
        <li key={course.id} class="course-card card">
          <CourseCard shelf={shelf} course={course} />
        </li>
      ))}
    </ul>
  );
}

const NO_PICTURE = { thumbnails: {}, duration: null };

function CourseCard({ shelf, course }: { shelf: Shelf; course: Outline }) {
  const shown = lessonToResume([course])?.lesson ?? course.videos[0];
  const video = shown ? { thumbnails: shown.thumbnails, duration: null } : NO_PICTURE;
  return (
    <>
      <Picture video={video} api={shelf.api} size="large" />
      <div class="course-card__words">
        <h2>
          <a href={courseHref(course.id)} onClick={follow}>
            <bdi>{course.title}</bdi>
          </a>
        </h2>
        <CourseFacts course={course} isTaught={shelf.isTaught(course)} />
      </div>
    </>
  );
}

/** How many lessons there are, and how many of them are done. */
export function CourseFacts({ course, isTaught }: { course: Outline; isTaught: boolean }) {
  const { done, all, ratio } = progressOf(course);
  if (isTaught) {
    return (
      <p class="course-facts">
        <Chip kind="accent" icon="people">
          {text("home.teaching")}
        </Chip>
        <span class="quiet number">{text("common.lessons", { count: all })}</span>
      </p>
    );
  }
  if (!all) return <p class="quiet">{text("home.emptyCourse")}</p>;
  return (
    <div class="course-facts course-facts--seen">
      <ProgressBar value={ratio} label={text("lesson.progress", { share: percent(ratio) })} />
      <p class="quiet number">{text("home.done", { done, all })}</p>
    </div>
  );
}
