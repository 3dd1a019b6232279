// Lessons as a list: the picture of each, its state, how much of it the viewer has seen.

import { Chip, type ChipKind } from "../design/chip.tsx";
import { ProgressBar } from "../design/progress_bar.tsx";
import type { Lesson } from "../service/answers.ts";
import type { Api } from "../service/api.ts";
import { percent, text } from "../texts/texts.ts";
import { describe, standingOf } from "./lesson_state.ts";
import { Picture } from "./picture.tsx";

interface LessonListProps {
  lessons: readonly Lesson[];
  api: Api;
  /** The lesson that this page shows. */
  currentId?: string;
  /** True for whoever prepares them: to them, a lesson that they have not seen is ready. */
  isTaught?: boolean;
}

export function LessonList({ lessons, api, currentId, isTaught = false }: LessonListProps) {
  return (
    <ol class="lessons">
      {lessons.map((lesson) => (
        <li key={lesson.id} class={`lesson lesson--${lesson.status}`} data-video={lesson.id}>
          <Row lesson={lesson} api={api} isTaught={isTaught} isCurrent={lesson.id === currentId} />
        </li>
      ))}
    </ol>
  );
}

interface RowProps {
  lesson: Lesson;
  api: Api;
  isTaught: boolean;
  isCurrent: boolean;
}

function Row({ lesson, api, isTaught, isCurrent }: RowProps) {
  const inside = (
    <>
      <Picture video={lesson} api={api} />
      <span class="lesson__words">
        <span class="lesson__title" dir="auto">
          {lesson.title}
        </span>
        <LessonChip lesson={lesson} isTaught={isTaught} />
        <Bar lesson={lesson} />
      </span>
    </>
  );
  if (lesson.status !== "ready") return <div class="lesson__row">{inside}</div>;
  return (
    <a
      class="lesson__row"
      href={`/watch/${lesson.id}`}
      aria-current={isCurrent ? "page" : undefined}
    >
      {inside}
    </a>
  );
}

function LessonChip({ lesson, isTaught }: { lesson: Lesson; isTaught: boolean }) {
  const isUnseen = lesson.status === "ready" && standingOf(lesson) === "fresh";
  if (isTaught && isUnseen) return <Chip>{text("lesson.ready")}</Chip>;
  const kind = chipKind(lesson);
  return (
    <Chip kind={kind} {...(kind === "ready" && { icon: "check" })}>
      {describe(lesson)}
    </Chip>
  );
}

function chipKind(lesson: Lesson): ChipKind {
  if (lesson.status === "processing") return "waiting";
  if (lesson.status === "failed") return "failed";
  return ({ done: "ready", active: "accent", fresh: "plain" } as const)[standingOf(lesson)];
}

/** How much is seen, or prepared; nothing where there is nothing to show. */
function Bar({ lesson }: { lesson: Lesson }) {
  const { status, progress, processing_ratio: prepared } = lesson;
  if (status === "failed") return null;
  const value = status === "processing" ? prepared : (progress?.watched_ratio ?? 0);
  if (status === "ready" && standingOf(lesson) !== "active") return null;
  const share = percent(value);
  const label =
    status === "processing"
      ? text("lesson.preparation", { share })
      : text("lesson.progress", { share });
  return <ProgressBar value={value} label={label} />;
}
