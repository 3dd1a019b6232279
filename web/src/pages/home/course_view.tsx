// One course: its modules and their lessons.

import { LessonList } from "../../courses/lesson_list.tsx";
import type { Outline } from "../../courses/outline.ts";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import type { Module } from "../../service/answers.ts";
import { text } from "../../texts/texts.ts";
import { CourseFacts } from "./course_card.tsx";
import { Hero } from "./hero.tsx";
import { lessonToResume, shownLessons } from "./search.ts";
import type { Shelf } from "./shelf.ts";
import { follow } from "./view.ts";

interface CourseViewProps {
  shelf: Shelf;
  course: Outline;
  /** True if there is an overview to go back to. */
  hasOthers: boolean;
}

export function CourseView({ shelf, course, hasOthers }: CourseViewProps) {
  const isTaught = shelf.isTaught(course);
  const Heading = hasOthers ? "h1" : "h2";
  return (
    <article class="course" aria-labelledby={`course-${course.id}`}>
      {hasOthers && (
        <a class="back" href="/" onClick={follow}>
          <Icon name="back" />
          {text("home.allCourses")}
        </a>
      )}
      <header class="course__head">
        <Heading id={`course-${course.id}`}>
          <bdi>{course.title}</bdi>
        </Heading>
        {(isTaught || course.modules.length > 0) && (
          <CourseFacts course={course} isTaught={isTaught} />
        )}
      </header>
      {hasOthers && !isTaught && <Resumed shelf={shelf} course={course} />}
      {course.modules.map((module) => (
        <ModuleView
          key={module.id}
          module={module}
          shelf={shelf}
          isTaught={isTaught}
          Heading={hasOthers ? "h2" : "h3"}
        />
      ))}
      {!course.modules.length && (
        <EmptyState icon="film" title={text("home.emptyCourse")}>
          {isTaught && <a href="/studio">{text("home.openStudio")}</a>}
        </EmptyState>
      )}
    </article>
  );
}

function Resumed({ shelf, course }: { shelf: Shelf; course: Outline }) {
  const lesson = lessonToResume([course])?.lesson;
  if (!lesson) return null;
  const module = course.modules.find(({ id }) => id === lesson.module_id);
  return <Hero lesson={lesson} within={module?.title} api={shelf.api} />;
}

interface ModuleViewProps {
  module: Module;
  shelf: Shelf;
  isTaught: boolean;
  Heading: "h2" | "h3";
}

function ModuleView({ module, shelf, isTaught, Heading }: ModuleViewProps) {
  const lessons = shownLessons(module.videos, isTaught);
  return (
    <section class="module" aria-labelledby={`module-${module.id}`}>
      <Heading id={`module-${module.id}`}>
        <bdi>{module.title}</bdi>
      </Heading>
      {lessons.length ? (
        <LessonList lessons={lessons} api={shelf.api} isTaught={isTaught} />
      ) : (
        <p class="quiet">{text("home.emptyModule")}</p>
      )}
    </section>
  );
}
