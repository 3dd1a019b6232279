// A course in the studio: its lessons, its people, who watched.

import { useEffect, useMemo, useState } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { attempt } from "../parts/failures.ts";
import { Confirm, TitleDialog } from "../parts/forms.tsx";
import { Menu } from "../parts/menu.tsx";
import { go } from "../parts/navigation.ts";
import { LoadingFailed, Refusal } from "../parts/refusal.tsx";
import { Tabs } from "../parts/tabs.tsx";
import { offerUndo } from "../parts/undo_offer.ts";
import { PeopleTab } from "../people/people_tab.tsx";
import type { Course } from "../service/answers.ts";
import { COURSE_TABS, type CourseTab, courseAddress } from "../service/routes.ts";
import { WatchedTab } from "../watching/watched_tab.tsx";
import { CourseModel } from "./course_model.ts";
import { LessonsTab } from "./lessons_tab.tsx";
import { bringBack } from "./undo.ts";

const RECHECK_MS = 15_000; // for what happened while no event could tell

export function CoursePage({ courseId, view }: { courseId: string; view: CourseTab }) {
  const { isPrivileged } = useStudio();
  const { model, error, load } = useCourse(courseId);
  const course = model.course.value;
  if (error) return <LoadingFailed error={error} onRetry={load} />;
  if (!course)
    return (
      <p class="quiet" aria-busy="true">
        {text("common.loading")}
      </p>
    );
  if (course.role !== "instructor" && !isPrivileged) return <Refusal kind="course" />;
  return (
    <>
      <CourseHeading course={course} model={model} />
      <Tabs
        label={course.title}
        names={COURSE_TABS}
        current={view}
        titleOf={(name) => text(`studio.tabs.${name}`)}
        choose={(name) => go(courseAddress(courseId, name))}
      >
        {view === "lessons" && <LessonsTab model={model} reload={load} />}
        {view === "people" && <PeopleTab courseId={courseId} />}
        {view === "watched" && <WatchedTab model={model} courseId={courseId} />}
      </Tabs>
    </>
  );
}

/** The course, kept true by events. */
export function useCourse(courseId: string) {
  const studio = useStudio();
  const model = useMemo(() => new CourseModel(), [courseId]);
  const [error, setError] = useState<unknown>();
  const load = () => {
    setError(undefined);
    return studio.api.course(courseId).then((course) => model.show(course), setError);
  };
  const refresh = () =>
    studio.api.course(courseId).then(
      (course) => model.isAtRest && model.show(course),
      () => {}, // what is shown stays
    );
  useEffect(() => {
    void load();
    const stop = studio.listen((type, event) => {
      if (type === "reset") return void load();
      if (event.course_id !== courseId) return;
      if (!model.apply(type, { ...event, id: event.video_id } as never)) void load();
    });
    const recheck = async () => {
      const unfinished = model.lessons.value.filter(({ status }) => status === "processing");
      for (const { id } of unfinished)
        await studio.api.video(id).then(
          (video) => model.put(video),
          () => {}, // the next round asks again
        );
    };
    const timer = setInterval(() => void recheck(), RECHECK_MS);
    // No event tells of modules: another teacher may have changed them.
    const look = () => document.hidden || void refresh();
    addEventListener("visibilitychange", look);
    return () => {
      stop();
      clearInterval(timer);
      removeEventListener("visibilitychange", look);
    };
  }, [courseId]);
  return { model, error, load };
}

function CourseHeading({ course, model }: { course: Course; model: CourseModel }) {
  const studio = useStudio();
  const [asked, setAsked] = useState<"rename" | "delete" | null>(null);
  const close = () => setAsked(null);
  const remove = async () => {
    const kept = { ...course, modules: model.modules.value };
    if (!(await attempt(() => studio.api.deleteCourse(course.id)))) return;
    go("/studio");
    const undo = async () => {
      if (await attempt(() => bringBack(studio.api, kept, kept.modules, true)))
        go(courseAddress(course.id));
    };
    offerUndo(text("studio.deleted", { name: course.title }), undo);
  };
  return (
    <header class="heading">
      <div>
        <p class="crumb">
          <a href="/studio">{text("studio.title")}</a>
        </p>
        <h1>
          <bdi>{course.title}</bdi>
        </h1>
      </div>
      {studio.isPrivileged && (
        <Menu
          label={text("studio.more", { name: course.title })}
          items={[
            { label: text("studio.renameCourse"), icon: "pencil", run: () => setAsked("rename") },
            {
              label: text("studio.deleteCourse"),
              icon: "trash",
              run: () => setAsked("delete"),
              isDangerous: true,
            },
          ]}
        />
      )}
      {asked === "rename" && (
        <TitleDialog
          heading={text("studio.renameCourse")}
          title={course.title}
          action={text("common.save")}
          save={async (title) => {
            await studio.api.renameCourse(course.id, title);
            model.course.value = { ...course, title };
          }}
          onClose={close}
        />
      )}
      {asked === "delete" && (
        <Confirm
          title={text("studio.deleteCourseTitle", { name: course.title })}
          action={text("studio.deleteCourse")}
          run={() => void remove()}
          onClose={close}
        >
          {text("studio.deleteCourseText")}
        </Confirm>
      )}
    </header>
  );
}
