// The first page of the dashboard: the courses that a teacher teaches, each with its last days.

import { useEffect, useState } from "preact/hooks";
import { ButtonLink } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { EmptyState } from "../../design/states.tsx";
import { noteTeaching } from "../../pages/presence.ts";
import type { CourseSummary } from "../../service/answers.ts";
import { number, text, timeSum } from "../../texts/texts.ts";
import { firstDay } from "../charts/days.ts";
import { useDashboard } from "../parts/context.ts";
import { Refused, Unanswered } from "../parts/trouble.tsx";
import { isPlayingIn, useFresh } from "../parts/use_fresh.ts";
import { type CourseFigures, courseFiguresUrl } from "../service/figures.ts";
import { courseFiguresAddress } from "../service/routes.ts";

const CARDS_A_PAGE = 24;

export function CourseList() {
  const { api, viewer } = useDashboard();
  const [courses, setCourses] = useState<CourseSummary[]>();
  const [error, setError] = useState<unknown>();
  const load = () => {
    setError(undefined);
    const isShown = ({ role }: CourseSummary) => viewer.isPrivileged || role === "instructor";
    api.courses().then((all) => setCourses(all.filter(isShown)), setError);
  };
  useEffect(load, []);
  const teaches = viewer.isPrivileged || (courses?.length ?? 0) > 0;
  useEffect(() => {
    if (teaches) noteTeaching(viewer);
  }, [teaches, viewer]);
  const pages = usePages(courses ?? [], CARDS_A_PAGE);
  if (!courses) return <Unanswered value={undefined} error={error} reload={load} />;
  if (!courses.length && !viewer.isPrivileged) return <Refused kind="dashboard" />;
  return (
    <>
      <header class="heading">
        <div>
          <h1>{text("dashboard.title")}</h1>
          <p class="quiet">{text("dashboard.intro")}</p>
        </div>
        <div class="heading__actions">
          <ButtonLink kind="quiet" href="/dashboard/sessions">
            <Icon name="search" />
            {text("dashboard.sessions.title")}
          </ButtonLink>
          {viewer.isPrivileged && (
            <ButtonLink kind="quiet" href="/dashboard/server">
              <Icon name="gear" />
              {text("dashboard.server.title")}
            </ButtonLink>
          )}
        </div>
      </header>
      {!courses.length && (
        <EmptyState icon="shelf" title={text("dashboard.noCourses")}>
          {text("dashboard.noCoursesText")}
        </EmptyState>
      )}
      <ul class="figure-cards">
        {pages.shown.map((course) => (
          <CourseCard key={course.id} course={course} />
        ))}
      </ul>
      <Pager pages={pages} size={CARDS_A_PAGE} />
    </>
  );
}

function CourseCard({ course: { id, title } }: { course: CourseSummary }) {
  const url = courseFiguresUrl(id, firstDay("week", new Date()));
  const { value, error } = useFresh<CourseFigures>(url, { isChangedBy: isPlayingIn(id) });
  return (
    <li class="figure-card card">
      <h2>
        <a href={courseFiguresAddress(id)}>
          <bdi>{title}</bdi>
        </a>
      </h2>
      {error && !value ? (
        <p class="quiet">{text("dashboard.notLoaded")}</p>
      ) : (
        <dl class="figure-card__figures number" aria-busy={!value}>
          <Figure name={text("dashboard.activeNow")} value={value && number(value.active_now)} />
          <Figure name={text("dashboard.metrics.viewers")} value={value && number(value.viewers)} />
          <Figure
            name={text("dashboard.metrics.watched")}
            value={value && timeSum(value.watched_seconds)}
          />
        </dl>
      )}
    </li>
  );
}

function Figure({ name, value }: { name: string; value: string | undefined }) {
  return (
    <div>
      <dt class="quiet">{name}</dt>
      <dd>{value ?? "–"}</dd>
    </div>
  );
}
