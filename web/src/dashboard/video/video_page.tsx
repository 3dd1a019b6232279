// What is watched of a video: its figures, its retention curve, its days.

import { useEffect } from "preact/hooks";
import { ButtonLink } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { EmptyState } from "../../design/states.tsx";
import { noteTeaching } from "../../pages/presence.ts";
import type { Video } from "../../service/answers.ts";
import { text } from "../../texts/texts.ts";
import { DaysChart } from "../charts/days_chart.tsx";
import { useDashboard } from "../parts/context.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { PeriodChoice, usePeriod } from "../parts/period_choice.tsx";
import { ViewingTiles } from "../parts/tiles.tsx";
import { Freshness, Unanswered } from "../parts/trouble.tsx";
import { isPlayingOf, useFresh } from "../parts/use_fresh.ts";
import { QualitySection } from "../quality/quality_section.tsx";
import { qualityUrl, type VideoFigures, videoFiguresUrl } from "../service/figures.ts";
import { courseFiguresAddress } from "../service/routes.ts";
import { RetentionChart } from "./retention_chart.tsx";

export function VideoPage({ videoId }: { videoId: string }) {
  const { viewer } = useDashboard();
  const { period, since, choose } = usePeriod();
  const url = videoFiguresUrl(videoId, since);
  const figures = useFresh<VideoFigures>(url, {
    isChangedBy: isPlayingOf(videoId),
  });
  const video = useFresh<Video>(`/api/v1/videos/${encodeURIComponent(videoId)}`);
  const title = video.value?.title;
  useEffect(() => {
    if (figures.value) noteTeaching(viewer); // nobody else is answered
  }, [figures.value, viewer]);
  useEffect(() => {
    if (title) document.title = `${title} · ${text("dashboard.title")} · ${text("common.brand")}`;
  }, [title]);
  if (figures.error && !figures.value) return <Unanswered {...figures} />;
  return (
    <>
      <VideoHeading videoId={videoId} video={video.value} />
      <div class="tools">
        <PeriodChoice period={period} choose={choose} />
        <Freshness error={figures.error} />
        <CsvButton url={url} name={videoId} of={text("dashboard.byDay")} />
      </div>
      {figures.value ? (
        <Figures videoId={videoId} since={since} figures={figures.value} />
      ) : (
        <Unanswered {...figures} />
      )}
    </>
  );
}

function VideoHeading({ videoId, video }: { videoId: string; video: Video | undefined }) {
  return (
    <header class="heading">
      <div>
        <p class="crumb">
          <a href={video ? courseFiguresAddress(video.course_id) : "/dashboard"}>
            {text("dashboard.toCourse")}
          </a>
        </p>
        <h1>
          <bdi>{video?.title ?? "\u00a0"}</bdi>
        </h1>
      </div>
      <ButtonLink kind="quiet" href={`/watch/${encodeURIComponent(videoId)}`}>
        <Icon name="play" />
        {text("dashboard.watch")}
      </ButtonLink>
    </header>
  );
}

interface FiguresProps {
  videoId: string;
  since: string | null;
  figures: VideoFigures;
}

function Figures({ videoId, since, figures }: FiguresProps) {
  return (
    <div class="figures__main">
      <ViewingTiles figures={figures} />
      <Retention videoId={videoId} figures={figures} />
      {figures.days.length > 0 && <DaysChart days={figures.days} since={since} />}
      <QualitySection
        url={qualityUrl(videoFiguresUrl(videoId, since))}
        name={videoId}
        since={since}
        isChangedBy={isPlayingOf(videoId)}
      />
    </div>
  );
}

function Retention({ videoId, figures }: Omit<FiguresProps, "since">) {
  const { retention, withheld } = figures;
  if (withheld)
    return (
      <div class="card">
        <EmptyState icon="people" title={text("dashboard.retention.withheld")}>
          {text("dashboard.retention.withheldText")}
        </EmptyState>
      </div>
    );
  if (!retention?.viewers.some(Boolean))
    return (
      <div class="card">
        <EmptyState icon="film" title={text("dashboard.retention.empty")}>
          {text("dashboard.retention.emptyText")}
        </EmptyState>
      </div>
    );
  return <RetentionChart videoId={videoId} retention={retention} />;
}
