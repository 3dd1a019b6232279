// The first page: where to go on, and all courses of the viewer.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { ActivityPanel } from "../../courses/activity.tsx";
import type { Outline } from "../../courses/outline.ts";
import { ButtonLink } from "../../design/button.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { FailureText } from "../failure.tsx";
import { type ContentProps, openPage } from "../page.tsx";
import { noteTeaching } from "../presence.ts";
import { CourseCards } from "./course_card.tsx";
import { CourseView } from "./course_view.tsx";
import { Hero } from "./hero.tsx";
import { Results } from "./results.tsx";
import { type Filter, lessonToResume } from "./search.ts";
import { Shelf } from "./shelf.ts";
import { Skeleton } from "./skeleton.tsx";
import { Toolbar } from "./toolbar.tsx";
import { listenToHistory, openCourse } from "./view.ts";

document.title = `${text("home.title")} · ${text("common.brand")}`;
openPage("home", Home);

function Home({ viewer, api }: ContentProps) {
  const shelf = useMemo(() => new Shelf(viewer, api), [viewer, api]);
  useEffect(() => {
    const leaving = new AbortController();
    listenToHistory(leaving.signal);
    void shelf.open(leaving.signal);
    return () => leaving.abort();
  }, [shelf]);
  const courses = shelf.courses.value;
  const teaches = shelf.teaches.value;
  useEffect(() => {
    if (teaches) noteTeaching(viewer);
  }, [teaches, viewer]);
  if (shelf.error.value && !courses) return <NotLoaded shelf={shelf} />;
  if (!courses) return <Skeleton />;
  if (!courses.length) return <NoCourses teaches={viewer.isPrivileged} />;
  return (
    <div class={teaches ? "home home--taught" : "home"}>
      <div class="home__main">
        <Courses shelf={shelf} courses={courses} />
      </div>
      {teaches && <ActivityPanel activity={shelf.activity} titleOf={(id) => shelf.titleOf(id)} />}
    </div>
  );
}

function Courses({ shelf, courses }: { shelf: Shelf; courses: readonly Outline[] }) {
  const words = useSignal("");
  const filter = useSignal<Filter>("all");
  const chosen = courses.find(({ id }) => id === openCourse.value);
  if (chosen) return <CourseView shelf={shelf} course={chosen} hasOthers={courses.length > 1} />;
  const resumed = lessonToResume(courses.filter((one) => !shelf.isTaught(one)));
  const isSearching = words.value.trim() !== "" || filter.value !== "all";
  const [only] = courses;
  return (
    <>
      {resumed && <Hero lesson={resumed.lesson} within={resumed.course.title} api={shelf.api} />}
      <Toolbar words={words} filter={filter} />
      {isSearching ? (
        <Results shelf={shelf} courses={courses} words={words} filter={filter} />
      ) : courses.length === 1 && only ? (
        <CourseView shelf={shelf} course={only} hasOthers={false} />
      ) : (
        <CourseCards shelf={shelf} courses={courses} />
      )}
    </>
  );
}

function NotLoaded({ shelf }: { shelf: Shelf }) {
  return (
    <ErrorState isPage title={text("home.notLoaded")} onRetry={() => void shelf.refresh()}>
      <FailureText error={shelf.error.value} />
    </ErrorState>
  );
}

function NoCourses({ teaches }: { teaches: boolean }) {
  const studio = teaches && <ButtonLink href="/studio">{text("home.openStudio")}</ButtonLink>;
  return (
    <EmptyState isPage icon="shelf" title={text("home.noCourses")} actions={studio}>
      {text(teaches ? "home.noCoursesTeacher" : "home.noCoursesText")}
    </EmptyState>
  );
}
