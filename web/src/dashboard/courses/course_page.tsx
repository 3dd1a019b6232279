// What is watched in a course: in all, by day, by video, by student, and at this moment.

import { useEffect, useMemo } from "preact/hooks";
import { Activity, ActivityPanel } from "../../courses/activity.tsx";
import { ButtonLink } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { noteTeaching } from "../../pages/presence.ts";
import type { CourseSummary } from "../../service/answers.ts";
import { text } from "../../texts/texts.ts";
import { DaysChart } from "../charts/days_chart.tsx";
import { useDashboard } from "../parts/context.ts";
import { PeriodChoice, usePeriod } from "../parts/period_choice.tsx";
import { ViewingTiles } from "../parts/tiles.tsx";
import { Freshness, Unanswered } from "../parts/trouble.tsx";
import { isPlayingIn, useFresh } from "../parts/use_fresh.ts";
import { QualitySection } from "../quality/quality_section.tsx";
import {
  type CourseFigures,
  courseFiguresUrl,
  qualityUrl,
  type VideoRow,
} from "../service/figures.ts";
import { StudentsTable } from "./students_table.tsx";
import { VideosTable } from "./videos_table.tsx";

export function CoursePage({ courseId }: { courseId: string }) {
  const { viewer } = useDashboard();
  const { period, since, choose } = usePeriod();
  const isChangedBy = isPlayingIn(courseId);
  const figures = useFresh<CourseFigures>(courseFiguresUrl(courseId, since), { isChangedBy });
  const course = useFresh<CourseSummary>(`/api/v1/courses/${encodeURIComponent(courseId)}`);
  const title = course.value?.title ?? courseId;
  useEffect(() => {
    if (figures.value) noteTeaching(viewer); // nobody else is answered
  }, [figures.value, viewer]);
  useEffect(() => {
    document.title = `${title} · ${text("dashboard.title")} · ${text("common.brand")}`;
  }, [title]);
  if (figures.error && !figures.value) return <Unanswered {...figures} />;
  return (
    <>
      <CourseHeading courseId={courseId} title={title} />
      <div class="tools">
        <PeriodChoice period={period} choose={choose} />
        <Freshness error={figures.error} />
      </div>
      {figures.value ? (
        <Figures courseId={courseId} since={since} figures={figures.value} />
      ) : (
        <Unanswered {...figures} />
      )}
    </>
  );
}

function CourseHeading({ courseId, title }: { courseId: string; title: string }) {
  return (
    <header class="heading">
      <div>
        <p class="crumb">
          <a href="/dashboard">{text("dashboard.title")}</a>
        </p>
        <h1>
          <bdi>{title}</bdi>
        </h1>
      </div>
      <ButtonLink kind="quiet" href={`/studio/courses/${encodeURIComponent(courseId)}`}>
        <Icon name="pencil" />
        {text("dashboard.toStudio")}
      </ButtonLink>
    </header>
  );
}

interface FiguresProps {
  courseId: string;
  since: string | null;
  figures: CourseFigures;
}

function Figures({ courseId, since, figures }: FiguresProps) {
  const hasViewers = figures.viewers > 0 || figures.sessions > 0;
  return (
    <div class="figures">
      <div class="figures__main">
        <ViewingTiles figures={figures} />
        {hasViewers ? (
          <DaysChart days={figures.days} since={since} />
        ) : (
          <EmptyState icon="people" title={text("dashboard.nobody")}>
            {text(since ? "dashboard.nobodyLately" : "dashboard.nobodyYet")}
          </EmptyState>
        )}
        <VideosTable courseId={courseId} since={since} videos={figures.videos} />
        <StudentsTable courseId={courseId} lessons={figures.videos.length} />
        <QualitySection
          url={qualityUrl(courseFiguresUrl(courseId, since))}
          name={courseId}
          since={since}
          isChangedBy={isPlayingIn(courseId)}
          titles={titlesOf(figures.videos)}
        />
      </div>
      <LiveViewers courseId={courseId} videos={figures.videos} />
    </div>
  );
}

function LiveViewers({ courseId, videos }: { courseId: string; videos: readonly VideoRow[] }) {
  const { listen } = useDashboard();
  const activity = useMemo(() => new Activity(), []);
  useEffect(
    () => listen((type, event) => event.course_id === courseId && activity.apply(type, event)),
    [courseId],
  );
  const titles = titlesOf(videos);
  return <ActivityPanel activity={activity} titleOf={(id) => titles.get(id) ?? null} />;
}

function titlesOf(videos: readonly VideoRow[]): Map<string, string> {
  return new Map(videos.map(({ video_id: id, title }) => [id, title]));
}
