// How well a course or a lesson played: in all, and by device, browser, network, day and lesson.

import { useState } from "preact/hooks";
import { Choice } from "../../design/choice.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { EmptyState } from "../../design/states.tsx";
import type { LiveEvent } from "../../service/live.ts";
import { day, number, text } from "../../texts/texts.ts";
import { CsvButton } from "../parts/csv_button.tsx";
import { Tile, Tiles } from "../parts/tiles.tsx";
import { Part } from "../parts/trouble.tsx";
import { useFresh } from "../parts/use_fresh.ts";
import {
  QUALITY_GROUPS,
  type QualityFigures,
  type QualityGroup,
  type QualityRow,
} from "../service/figures.ts";
import { videoFiguresAddress } from "../service/routes.ts";
import { QualityChart } from "./quality_chart.tsx";
import { StartupShares } from "./startup_shares.tsx";
import { bitrate, pictureHeight, score, stalledShare, startupTime } from "./words.ts";

interface QualitySectionProps {
  url: string;
  /** The name of the file that the table is saved as. */
  name: string;
  /** The first day of the chosen period; null for all time. */
  since: string | null;
  isChangedBy: (type: string, event: LiveEvent) => boolean;
  /** Titles of the lessons of a course; a single lesson has none. */
  titles?: ReadonlyMap<string, string>;
}

export function QualitySection({ isChangedBy, ...shown }: QualitySectionProps) {
  const { url } = shown;
  const quality = useFresh<QualityFigures>(url, { isChangedBy });
  return (
    <section aria-labelledby="quality-title">
      <h2 id="quality-title">{text("dashboard.quality.title")}</h2>
      <p class="quiet quality__words">{text("dashboard.quality.explanation")}</p>
      <Part fresh={quality}>{(figures) => <Quality figures={figures} {...shown} />}</Part>
    </section>
  );
}

interface QualityProps extends Omit<QualitySectionProps, "isChangedBy"> {
  figures: QualityFigures;
}

function Quality({ figures, url, name, since, titles }: QualityProps) {
  const [group, choose] = useState<QualityGroup>("devices");
  const { all } = figures;
  if (all.withheld)
    return (
      <EmptyState icon="people" title={text("dashboard.quality.withheld")}>
        {text("dashboard.quality.withheldText")}
      </EmptyState>
    );
  if (!all.sessions)
    return (
      <EmptyState icon="film" title={text("dashboard.quality.empty")}>
        {text("dashboard.quality.emptyText")}
      </EmptyState>
    );
  const groups = titles ? QUALITY_GROUPS : QUALITY_GROUPS.filter((one) => one !== "videos");
  return (
    <>
      <QualityTiles all={all} />
      <StartupShares all={all} />
      <QualityChart rows={figures.days} since={since} />
      <div class="tools quality__tools">
        <Choice
          label={text("dashboard.quality.by")}
          names={groups}
          current={group}
          titleOf={(one) => text(`dashboard.quality.groups.${one}`)}
          choose={choose}
        />
        <CsvButton url={url} name={`${name}-quality`} of={text("dashboard.quality.title")} />
      </div>
      <Rows key={group} group={group} rows={figures[group]} titles={titles} />
    </>
  );
}

function QualityTiles({ all }: { all: QualityRow }) {
  return (
    <Tiles isEight>
      <Tile
        name={text("dashboard.quality.score")}
        value={score(all.startup_score)}
        hint={text("dashboard.quality.scoreHint")}
      />
      <Tile name={text("dashboard.quality.startup")} value={startupTime(all.startup_ms)} />
      <Tile
        name={text("dashboard.quality.stalled")}
        value={stalledShare(all.stall_ratio)}
        hint={text("dashboard.quality.stalledHint", { count: all.sessions_with_stalls ?? 0 })}
      />
      <Tile name={text("dashboard.quality.metrics.bitrate")} value={bitrate(all.bitrate)} />
      <Tile name={text("dashboard.quality.metrics.height")} value={pictureHeight(all.height)} />
      <Tile
        name={text("dashboard.quality.errors")}
        value={number(all.sessions_with_errors ?? 0)}
        hint={text("dashboard.quality.errorsHint", { count: all.failures_before_start ?? 0 })}
      />
      <Tile name={text("dashboard.quality.exits")} value={number(all.exits_before_start ?? 0)} />
      <Tile name={text("dashboard.quality.sessions")} value={number(all.sessions ?? 0)} />
    </Tiles>
  );
}

interface RowsProps {
  group: QualityGroup;
  rows: readonly QualityRow[];
  titles?: ReadonlyMap<string, string> | undefined;
}

function Rows({ group, rows, titles }: RowsProps) {
  const pages = usePages(group === "days" ? rows.toReversed() : rows);
  return (
    <>
      <div class="table-frame card">
        <table class="table">
          <thead>
            <tr>
              <th scope="col">{text(`dashboard.quality.groups.${group}`)}</th>
              <th scope="col">{text("dashboard.quality.score")}</th>
              <th scope="col" class="wide-only">
                {text("dashboard.quality.startup")}
              </th>
              <th scope="col">{text("dashboard.quality.stalled")}</th>
              <th scope="col">{text("dashboard.quality.errorsShort")}</th>
              <th scope="col" class="wide-only">
                {text("dashboard.quality.metrics.bitrate")}
              </th>
              <th scope="col" class="wide-only">
                {text("dashboard.quality.metrics.height")}
              </th>
              <th scope="col" class="wide-only">
                {text("dashboard.quality.sessions")}
              </th>
            </tr>
          </thead>
          <tbody>
            {pages.shown.map((row) => (
              <tr key={row.of}>
                <th scope="row">
                  <Name group={group} of={row.of} titles={titles} />
                </th>
                <Cells row={row} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Pager pages={pages} />
    </>
  );
}

function Cells({ row }: { row: QualityRow }) {
  if (row.withheld)
    return (
      <td colSpan={7} class="quiet">
        {text(
          row.withheld === "too-few"
            ? "dashboard.quality.rowWithheld"
            : "dashboard.quality.rowCovers",
        )}
      </td>
    );
  return (
    <>
      <td>{score(row.startup_score)}</td>
      <td class="wide-only">{startupTime(row.startup_ms)}</td>
      <td>{stalledShare(row.stall_ratio)}</td>
      <td>{number(row.sessions_with_errors ?? 0)}</td>
      <td class="wide-only">{bitrate(row.bitrate)}</td>
      <td class="wide-only">{pictureHeight(row.height)}</td>
      <td class="wide-only">{number(row.sessions ?? 0)}</td>
    </>
  );
}

interface NameProps extends Pick<RowsProps, "group" | "titles"> {
  of: string;
}

function Name({ group, of, titles }: NameProps) {
  if (group === "videos")
    return (
      <a href={videoFiguresAddress(of)}>
        <bdi>{titles?.get(of) ?? of}</bdi>
      </a>
    );
  if (group === "days") return <>{day(of)}</>;
  if (group === "devices" && isDevice(of)) return <>{text(`dashboard.quality.devices.${of}`)}</>;
  if (of === "unknown") return <>{text("dashboard.quality.unknown")}</>;
  if (of === "other") return <>{text("dashboard.quality.others")}</>;
  return <>{of}</>;
}

const DEVICES = ["desktop", "phone", "tablet", "tv"] as const;

function isDevice(name: string): name is (typeof DEVICES)[number] {
  return DEVICES.some((one) => one === name);
}
