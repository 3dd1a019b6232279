// A lesson in the studio: the film beside its picture, captions, chapters, file and viewers.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ButtonLink } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { deleteLesson } from "../courses/delete_lesson.ts";
import { LessonStatus } from "../courses/lesson_status.tsx";
import { useStudio } from "../parts/context.ts";
import { TitleDialog } from "../parts/forms.tsx";
import { Menu } from "../parts/menu.tsx";
import { go } from "../parts/navigation.ts";
import { LoadingFailed, Refusal } from "../parts/refusal.tsx";
import { Tabs } from "../parts/tabs.tsx";
import type { Course, Lesson } from "../service/answers.ts";
import { courseAddress, VIDEO_TABS, type VideoTab, videoAddress } from "../service/routes.ts";
import { LessonViewers } from "../watching/lesson_viewers.tsx";
import { useWatched } from "../watching/use_watched.ts";
import { CaptionsTab } from "./captions_tab.tsx";
import { FileTab } from "./file_tab.tsx";
import { PictureTab } from "./picture_tab.tsx";
import { Preview } from "./preview.ts";
import { TrackEditor } from "./track_editor.tsx";
import { useLesson } from "./use_lesson.ts";

export function VideoPage({ videoId, view }: { videoId: string; view: VideoTab }) {
  const { api, userId, isPrivileged } = useStudio();
  const { lesson, course, error, load, show } = useLesson(videoId);
  const preview = useMemo(() => new Preview(videoId, userId, api.token), [videoId]);
  if (error) return <LoadingFailed error={error} onRetry={load} />;
  if (!lesson || !course)
    return (
      <p class="quiet" aria-busy="true">
        {text("common.loading")}
      </p>
    );
  if (course.role !== "instructor" && !isPrivileged) return <Refusal kind="course" />;
  const remove = async () => {
    if (await deleteLesson(api, lesson, null)) go(courseAddress(course.id));
  };
  return (
    <>
      <Heading lesson={lesson} course={course} show={show} remove={() => void remove()} />
      <div class="workbench">
        <Stage lesson={lesson} preview={preview} />
        <div class="workbench__tabs">
          <Tabs
            label={lesson.title}
            names={VIDEO_TABS}
            current={view}
            titleOf={(name) => text(`studio.video.tabs.${name}`)}
            choose={(name) => go(videoAddress(videoId, name))}
          >
            <View
              view={view}
              lesson={lesson}
              preview={preview}
              show={show}
              load={load}
              remove={() => void remove()}
            />
          </Tabs>
        </div>
      </div>
    </>
  );
}

interface HeadingProps {
  lesson: Lesson;
  course: Course;
  show: (lesson: Lesson) => void;
  remove: () => void;
}

function Heading({ lesson, course, show, remove }: HeadingProps) {
  const { api } = useStudio();
  const [isRenaming, setRenaming] = useState(false);
  const { id, title } = lesson;
  return (
    <header class="heading">
      <div>
        <p class="crumb">
          <a href="/studio">{text("studio.title")}</a> <span aria-hidden="true">/</span>{" "}
          <a href={courseAddress(course.id)}>
            <bdi>{course.title}</bdi>
          </a>
        </p>
        <h1>
          <bdi>{title}</bdi>
        </h1>
        <LessonStatus lesson={lesson} />
      </div>
      <div class="heading__actions">
        {lesson.status === "ready" && (
          <ButtonLink kind="quiet" href={`/watch/${id}`}>
            <Icon name="play" />
            {text("studio.video.watch")}
          </ButtonLink>
        )}
        <Menu
          label={text("studio.more", { name: title })}
          items={[
            { label: text("studio.rename"), icon: "pencil", run: () => setRenaming(true) },
            {
              label: text("studio.video.delete"),
              icon: "trash",
              run: remove,
              isDangerous: true,
            },
          ]}
        />
      </div>
      {isRenaming && (
        <TitleDialog
          heading={text("studio.rename")}
          title={title}
          action={text("common.save")}
          save={async (wanted) => show(await api.renameVideo(id, wanted))}
          onClose={() => setRenaming(false)}
        />
      )}
    </header>
  );
}

function Stage({ lesson, preview }: { lesson: Lesson; preview: Preview }) {
  const place = useRef<HTMLDivElement>(null);
  const isReady = lesson.status === "ready";
  useEffect(() => {
    if (isReady) place.current?.replaceChildren(preview.element);
  }, [isReady, preview]);
  const film = useRef(lesson.sha256);
  useEffect(() => {
    if (film.current && film.current !== lesson.sha256) preview.reload(); // it was replaced
    film.current = lesson.sha256;
  }, [lesson.sha256, preview]);
  return (
    <div class="stage">
      {isReady ? (
        <div ref={place} />
      ) : (
        <EmptyState icon="film" title={text("studio.video.notReady")} />
      )}
    </div>
  );
}

interface ViewProps {
  view: VideoTab;
  lesson: Lesson;
  preview: Preview;
  show: (lesson: Lesson) => void;
  load: () => void;
  remove: () => void;
}

function View({ view, lesson, preview, show, load, remove }: ViewProps) {
  const changed = (next: Lesson | null) => {
    if (next) show(next);
    else load();
    preview.reload();
  };
  if (view === "file") return <FileTab lesson={lesson} remove={remove} />;
  if (view === "watched") return <Viewers lesson={lesson} />;
  if (view === "captions")
    return <CaptionsTab lesson={lesson} preview={preview} changed={changed} />;
  if (view === "chapters")
    return <TrackEditor lesson={lesson} name="chapters" preview={preview} changed={changed} />;
  if (lesson.status === "ready")
    return <PictureTab lesson={lesson} preview={preview} changed={show} />;
  return <EmptyState icon="film" title={text("studio.video.noPicture")} />;
}

function Viewers({ lesson }: { lesson: Lesson }) {
  const watched = useWatched(lesson.course_id);
  if (watched.error) return <LoadingFailed error={watched.error} onRetry={watched.load} />;
  return <LessonViewers watched={watched} videoId={lesson.id} />;
}
