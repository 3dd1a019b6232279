// The videos of a course with what is watched of each.

import { useMemo, useState } from "preact/hooks";
import { Choice } from "../../design/choice.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { Share } from "../../design/share.tsx";
import { EmptyState } from "../../design/states.tsx";
import { number, text, timeSum } from "../../texts/texts.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { courseFiguresUrl, type VideoRow } from "../service/figures.ts";
import { videoFiguresAddress } from "../service/routes.ts";

const ORDERS = ["course", "popular", "least"] as const;
type Order = (typeof ORDERS)[number];

interface VideosTableProps {
  courseId: string;
  since: string | null;
  videos: readonly VideoRow[];
}

export function VideosTable({ courseId, since, videos }: VideosTableProps) {
  const [order, setOrder] = useState<Order>("course");
  const rows = useMemo(() => sortedVideos(videos, order), [videos, order]);
  const pages = usePages(rows);
  return (
    <section aria-labelledby="videos-title">
      <h2 id="videos-title">{text("dashboard.videos")}</h2>
      {videos.length ? (
        <>
          <div class="tools">
            <Choice
              label={text("dashboard.sort")}
              names={ORDERS}
              current={order}
              titleOf={(name) => text(`dashboard.orders.${name}`)}
              choose={setOrder}
            />
            <CsvButton
              url={courseFiguresUrl(courseId, since)}
              name={courseId}
              of={text("dashboard.videos")}
            />
          </div>
          <Rows rows={pages.shown} />
          <Pager pages={pages} />
        </>
      ) : (
        <EmptyState icon="film" title={text("dashboard.noVideos")} />
      )}
    </section>
  );
}

function sortedVideos(videos: readonly VideoRow[], order: Order): VideoRow[] {
  const sign = order === "popular" ? -1 : 1;
  const compare = (a: VideoRow, b: VideoRow) =>
    sign * (a.viewers - b.viewers || a.watched_seconds - b.watched_seconds);
  return order === "course" ? [...videos] : [...videos].sort(compare);
}

function Rows({ rows }: { rows: readonly VideoRow[] }) {
  return (
    <div class="table-frame card">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{text("dashboard.video")}</th>
            <th scope="col">{text("dashboard.metrics.viewers")}</th>
            <th scope="col">{text("dashboard.average")}</th>
            <th scope="col" class="wide-only">
              {text("dashboard.completions")}
            </th>
            <th scope="col" class="wide-only">
              {text("dashboard.metrics.watched")}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.video_id}>
              <th scope="row">
                <a href={videoFiguresAddress(row.video_id)}>
                  <bdi>{row.title}</bdi>
                </a>
              </th>
              <td>{number(row.viewers)}</td>
              <td>
                <Share ratio={row.average_watched_ratio} />
              </td>
              <td class="wide-only">{number(row.completions)}</td>
              <td class="wide-only">{timeSum(row.watched_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
