// The lesson to go on with, large, at the top.

import { clock } from "../../browser/elements.ts";
import { placeOf, standingOf } from "../../courses/lesson_state.ts";
import { Picture } from "../../courses/picture.tsx";
import { ButtonLink } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { ProgressBar } from "../../design/progress_bar.tsx";
import type { Lesson } from "../../service/answers.ts";
import type { Api } from "../../service/api.ts";
import { duration, percent, text } from "../../texts/texts.ts";

interface HeroProps {
  lesson: Lesson;
  /** The title of what holds the lesson, where the page does not show it already. */
  within: string | undefined;
  api: Api;
}

export function Hero({ lesson, within, api }: HeroProps) {
  const isBegun = standingOf(lesson) === "active";
  const ratio = lesson.progress?.watched_ratio ?? 0;
  return (
    <section class="hero card" aria-labelledby="hero-title">
      <Picture video={lesson} api={api} size="large" />
      <div class="hero__words">
        <p class="hero__kind">{text(isBegun ? "home.continueWatching" : "home.startHere")}</p>
        <h2 id="hero-title">
          <bdi>{lesson.title}</bdi>
        </h2>
        {within && (
          <p class="quiet">
            <bdi>{within}</bdi>
          </p>
        )}
        {isBegun && (
          <ProgressBar value={ratio} label={text("lesson.progress", { share: percent(ratio) })} />
        )}
        <p class="hero__actions">
          <ButtonLink href={`/watch/${lesson.id}`}>
            <Icon name="play" />
            {label(lesson, isBegun)}
          </ButtonLink>
          <Remaining lesson={lesson} />
        </p>
      </div>
    </section>
  );
}

function label(lesson: Lesson, isBegun: boolean): string {
  const placeS = placeOf(lesson);
  if (placeS >= 1) return text("home.continueAt", { time: clock(placeS) });
  return text(isBegun ? "home.continue" : "home.start");
}

function Remaining({ lesson }: { lesson: Lesson }) {
  if (lesson.duration === null) return null;
  const leftS = lesson.duration - placeOf(lesson);
  return <span class="quiet number">{text("home.remaining", { time: duration(leftS) })}</span>;
}
