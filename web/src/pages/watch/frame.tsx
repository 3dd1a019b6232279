// All around the player of a lesson: masthead, facts, the other lessons, who watches. The player
// stands in the page from the beginning and is never moved: that would end its session.

import { useSignal, useSignalEffect } from "@preact/signals";
import { type ComponentChildren, render } from "preact";
import { useEffect } from "preact/hooks";
import { ActivityPanel } from "../../courses/activity.tsx";
import { LessonList } from "../../courses/lesson_list.tsx";
import { Picture } from "../../courses/picture.tsx";
import { Chip } from "../../design/chip.tsx";
import { Toasts } from "../../design/overlays/toasts.tsx";
import { Masthead } from "../../design/page/page_shell.tsx";
import { ErrorState } from "../../design/states.tsx";
import type { CourseVideoElement, CourseVideoEvents } from "../../element/course-video.ts";
import type { Absence } from "../../session/session.ts";
import { SignIn } from "../../session/sign_in.tsx";
import type { Viewer } from "../../session/viewer.ts";
import { duration, percent, text } from "../../texts/texts.ts";
import { FailureText } from "../failure.tsx";
import { mastheadOf, NotKept, Unopened } from "../page.tsx";
import { adopt, presence } from "../presence.ts";
import { Lecture } from "./lecture.ts";

/** `opened` is null for a copy on this device that plays where nobody is signed in. */
export async function drawFrame(
  player: CourseVideoElement,
  videoId: string,
  opened: Promise<Viewer | Absence | null>,
) {
  draw("masthead", <WatchMasthead />);
  draw("messages", <Toasts />);
  draw("instead", <Instead player={player} />);
  const isAlone = await opened.then(
    (found) => found === null,
    () => false,
  );
  if (isAlone) return draw("facts", <KeptTitle player={player} />);
  await adopt(opened as Promise<Viewer | Absence>);
  const now = presence.peek();
  if (now.kind !== "present") return;
  const lecture = new Lecture(player, videoId, now.viewer, now.api);
  draw("facts", <Facts lecture={lecture} />);
  draw("beside", <Beside lecture={lecture} />);
  await lecture.open();
}

function draw(id: string, children: ComponentChildren) {
  const place = document.getElementById(id);
  if (place) render(children, place);
}

function WatchMasthead() {
  return <Masthead page="watch" contentId="player" {...mastheadOf(presence.value)} />;
}

/** For people without a session: the way to one, in the place of the lesson. */
function Instead({ player }: { player: CourseVideoElement }) {
  useSignalEffect(() => {
    const isOver = ["absent", "failed"].includes(presence.value.kind);
    for (const id of ["stage", "beside"])
      document.getElementById(id)?.toggleAttribute("hidden", isOver);
    if (isOver) player.pause();
  });
  const now = presence.value;
  if (now.kind === "absent") return <SignIn reason={now.reason} />;
  if (now.kind === "failed") return <Unopened error={now.error} />;
  return now.kind === "present" && now.viewer.token ? <NotKept /> : null;
}

function KeptTitle({ player }: { player: CourseVideoElement }) {
  const title = useSignal(text("watch.title"));
  useEffect(() => {
    const show = (event: Event) => {
      const { detail } = event as CustomEvent<CourseVideoEvents["course-ready"]>;
      if (detail.offlineTitle) title.value = detail.offlineTitle;
      document.title = `${title.value} · ${text("common.brand")}`;
    };
    player.addEventListener("course-ready", show);
    return () => player.removeEventListener("course-ready", show);
  }, [player]);
  return (
    <h1 id="title">
      <bdi>{title.value}</bdi>
    </h1>
  );
}

function Facts({ lecture }: { lecture: Lecture }) {
  const { outline } = lecture.course.value ?? {};
  const moduleId = outline?.find(lecture.videoId)?.module_id;
  const module = outline?.modules.find(({ id }) => id === moduleId);
  const { completed, watched_ratio: ratio } = lecture.progress.value ?? {};
  return (
    <>
      <p class="facts__crumb">
        <bdi>{outline?.title}</bdi>
        {module && (
          <>
            {" "}
            · <bdi>{module.title}</bdi>
          </>
        )}
      </p>
      <h1 id="title">
        <bdi>{lecture.title.value || text("watch.title")}</bdi>
      </h1>
      <p class="facts__status">
        {completed && (
          <Chip kind="ready" icon="check">
            {text("watch.completed")}
          </Chip>
        )}
        {ratio !== undefined && !(lecture.isTaught && ratio === 0) && (
          <span id="ratio" class="quiet number">
            {text("watch.seen", { share: percent(ratio) })}
          </span>
        )}
      </p>
      <Next lecture={lecture} />
    </>
  );
}

function Next({ lecture }: { lecture: Lecture }) {
  const next = lecture.next.value;
  if (!next) return null;
  return (
    <div id="next">
      <a class="next card" href={`/watch/${next.id}`}>
        <Picture video={next} api={lecture.api} />
        <span class="next__words">
          <span class="quiet">{text("watch.next")}</span>
          <strong>
            <bdi>{next.title}</bdi>
          </strong>
          {next.duration !== null && <span class="quiet number">{duration(next.duration)}</span>}
        </span>
      </a>
    </div>
  );
}

function Beside({ lecture }: { lecture: Lecture }) {
  const error = lecture.error.value;
  return (
    <>
      {error !== null && (
        <ErrorState title={text("watch.notLoaded")} onRetry={() => void lecture.describe()}>
          <FailureText error={error} />
        </ErrorState>
      )}
      {lecture.isTaught && <ActivityPanel activity={lecture.activity} titleOf={() => null} />}
      {lecture.course.value && (
        <nav id="lessons" class="lessons-beside" aria-label={text("watch.lessons")}>
          <h2>{text("watch.inCourse")}</h2>
          <LessonList
            lessons={lecture.lessons.value}
            api={lecture.api}
            currentId={lecture.videoId}
            isTaught={lecture.isTaught}
          />
        </nav>
      )}
    </>
  );
}
