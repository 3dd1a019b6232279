// The lessons with the most viewers of the last days, of all courses.

import { useState } from "preact/hooks";
import { Choice } from "../../design/choice.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { EmptyState } from "../../design/states.tsx";
import { number, text, timeSum } from "../../texts/texts.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { Part } from "../parts/trouble.tsx";
import { useFresh } from "../parts/use_fresh.ts";
import { POPULAR_DAYS, type PopularDays, type PopularRow, popularUrl } from "../service/figures.ts";
import { courseFiguresAddress, videoFiguresAddress } from "../service/routes.ts";

const EVERY_MS = 60_000;
const ROWS_A_PAGE = 10;

export function PopularSection() {
  const [days, choose] = useState<PopularDays>("7");
  const url = popularUrl(days);
  const popular = useFresh<{ items: PopularRow[] }>(url, { everyMs: EVERY_MS });
  return (
    <section aria-labelledby="popular-title">
      <h2 id="popular-title">{text("dashboard.popular.title")}</h2>
      <div class="tools">
        <Choice
          label={text("dashboard.period")}
          names={POPULAR_DAYS}
          current={days}
          titleOf={(name) => text("dashboard.popular.days", { count: Number(name) })}
          choose={choose}
        />
        <CsvButton url={url} name="popular" of={text("dashboard.popular.title")} />
      </div>
      <Part fresh={popular}>{({ items }) => <Popular rows={items} />}</Part>
    </section>
  );
}

function Popular({ rows }: { rows: readonly PopularRow[] }) {
  const pages = usePages(rows, ROWS_A_PAGE);
  if (!rows.length)
    return (
      <EmptyState icon="people" title={text("dashboard.nobody")}>
        {text("dashboard.nobodyLately")}
      </EmptyState>
    );
  return (
    <>
      <div class="table-frame card">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{text("dashboard.video")}</th>
              <th scope="col">{text("dashboard.metrics.viewers")}</th>
              <th scope="col">{text("dashboard.metrics.watched")}</th>
              <th scope="col" class="wide-only">
                {text("dashboard.storage.course")}
              </th>
            </tr>
          </thead>
          <tbody>
            {pages.shown.map((row) => (
              <tr key={row.video_id}>
                <th scope="row">
                  <a href={videoFiguresAddress(row.video_id)}>
                    <bdi>{row.title}</bdi>
                  </a>
                </th>
                <td>{number(row.viewers)}</td>
                <td>{timeSum(row.watched_seconds)}</td>
                <td class="wide-only">
                  <a href={courseFiguresAddress(row.course_id)}>{row.course_id}</a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager pages={pages} size={ROWS_A_PAGE} />
    </>
  );
}
