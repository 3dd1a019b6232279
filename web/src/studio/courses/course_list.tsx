// The first page of the studio: the courses that a teacher teaches.

import { useEffect, useState } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { TextField } from "../../design/field.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { inWords } from "../parts/failures.ts";
import { Complaint, TitleDialog } from "../parts/forms.tsx";
import { go } from "../parts/navigation.ts";
import { Picture } from "../parts/picture.tsx";
import { Refusal } from "../parts/refusal.tsx";
import type { Course, CourseSummary } from "../service/answers.ts";
import { identifierFor, isIdentifier } from "../service/identifiers.ts";
import { courseAddress } from "../service/routes.ts";

export function CourseList() {
  const { api, isPrivileged } = useStudio();
  const [courses, setCourses] = useState<CourseSummary[]>();
  const [error, setError] = useState<unknown>();
  const [isAdding, setAdding] = useState(false);
  const load = () => {
    setError(undefined);
    api
      .courses()
      .then((all) => setCourses(all.filter(({ role }) => isPrivileged || role === "instructor")))
      .catch(setError);
  };
  useEffect(load, []);
  if (error)
    return (
      <ErrorState title={text("studio.notLoaded")} onRetry={load} isPage>
        {inWords(error)}
      </ErrorState>
    );
  if (courses && !courses.length && !isPrivileged) return <Refusal kind="studio" />;
  return (
    <>
      <header class="heading">
        <div>
          <h1>{text("studio.title")}</h1>
          <p class="quiet">{text("studio.intro")}</p>
        </div>
        {isPrivileged && (
          <Button onClick={() => setAdding(true)}>
            <Icon name="plus" />
            {text("studio.newCourse")}
          </Button>
        )}
      </header>
      <Courses courses={courses} />
      {isAdding && <NewCourse courses={courses ?? []} onClose={() => setAdding(false)} />}
    </>
  );
}

function Courses({ courses }: { courses: CourseSummary[] | undefined }) {
  if (!courses)
    return (
      <div class="courses" aria-busy="true">
        {[1, 2, 3].map(skeleton)}
      </div>
    );
  if (!courses.length)
    return (
      <EmptyState icon="shelf" title={text("studio.noCourses")}>
        {text("studio.noCoursesText")}
      </EmptyState>
    );
  return (
    <ul class="courses">
      {courses.map((course) => (
        <CourseCard key={course.id} course={course} />
      ))}
    </ul>
  );
}

function skeleton(number: number) {
  return <div key={number} class="skeleton course-card__skeleton" />;
}

function CourseCard({ course: { id, title } }: { course: CourseSummary }) {
  const { api } = useStudio();
  const [course, setCourse] = useState<Course>();
  useEffect(() => void api.course(id).then(setCourse, () => {}), [id]);
  const lessons = course?.modules.flatMap(({ videos }) => videos) ?? [];
  const cover = lessons.find(({ thumbnails }) => Object.keys(thumbnails ?? {}).length);
  return (
    <li class="course-card card">
      <Picture lesson={cover ?? { thumbnails: {}, updated_at: "" }} size="medium" />
      <div class="course-card__words">
        <h2>
          <a href={courseAddress(id)}>
            <bdi>{title}</bdi>
          </a>
        </h2>
        <p class="quiet">{course ? countsOf(course.modules.length, lessons.length) : "\u00a0"}</p>
      </div>
    </li>
  );
}

function countsOf(modules: number, lessons: number): string {
  const words = [
    text("studio.modules", { count: modules }),
    text("studio.lessons", { count: lessons }),
  ];
  return words.join(" · ");
}

function NewCourse({ courses, onClose }: { courses: CourseSummary[]; onClose: () => void }) {
  const { api } = useStudio();
  const [identifier, setIdentifier] = useState("");
  const save = async (title: string) => {
    const wanted = identifier.trim();
    if (wanted && !isIdentifier(wanted)) throw new Complaint(text("studio.identifierWrong"));
    // PUT of an existing one would rename it.
    if (courses.some(({ id }) => id === wanted))
      throw new Complaint(text("studio.identifierTaken"));
    const { id } = await api.putCourse(wanted || identifierFor(title), title);
    go(courseAddress(id));
  };
  return (
    <TitleDialog
      heading={text("studio.newCourse")}
      hint={text("studio.newCourseHint")}
      action={text("studio.create")}
      save={save}
      onClose={onClose}
    >
      <TextField
        label={text("studio.identifier")}
        hint={text("studio.identifierHint")}
        value={identifier}
        maxLength={64}
        onInput={setIdentifier}
      />
    </TitleDialog>
  );
}
