// Captions of a language, or chapters, as a list of lines with times, beside the playing film.

import { useLayoutEffect, useState } from "preact/hooks";
import { saveFile } from "../../browser/downloads.ts";
import { Button } from "../../design/button.tsx";
import { Chip } from "../../design/chip.tsx";
import { Icon } from "../../design/icons.tsx";
import { Dialog } from "../../design/overlays/dialog.tsx";
import { showToast } from "../../design/overlays/toasts.tsx";
import { Pager, ROWS_A_PAGE, usePages } from "../../design/pager.tsx";
import { EmptyState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { FileButton } from "../parts/file_button.tsx";
import { Menu } from "../parts/menu.tsx";
import { mayDrop } from "../parts/navigation.ts";
import type { Lesson } from "../service/answers.ts";
import type { TrackName } from "../service/studio_api.ts";
import { CueRow } from "./cue_row.tsx";
import { buildChapters, buildTrack, faultOf, newRow, type Row, rowAt, sortedRows } from "./cues.ts";
import type { Preview } from "./preview.ts";
import { formatTime } from "./times.ts";
import { type EditedTrack, useTrack } from "./use_track.ts";

interface TrackEditorProps {
  lesson: Lesson;
  name: TrackName;
  preview: Preview;
  changed: (lesson: Lesson | null) => void;
}

export function TrackEditor({ lesson, name, preview, changed }: TrackEditorProps) {
  const track = useTrack(lesson.id, name, lesson.updated_at, changed);
  const isChapters = name === "chapters";
  const [focused, setFocused] = useState<number | null>(null);
  const rows = track.rows ?? [];
  const pages = usePages(rows);
  const faults = rows.map((row) => faultOf(row, lesson.duration, isChapters));
  const add = () => {
    const at = Math.round(preview.time.value * 1000) / 1000;
    const row = isChapters ? newRow(at, at + 1) : rowAt(at, rows, lesson.duration);
    const next = sortedRows([...rows, row]);
    track.edit(next);
    pages.turn(Math.floor(next.indexOf(row) / ROWS_A_PAGE) * ROWS_A_PAGE);
    setFocused(row.id);
  };
  const change = (changedRow: Row) =>
    track.edit(rows.map((row) => (row.id === changedRow.id ? changedRow : row)));
  const build = () => (isChapters ? buildChapters(rows, lesson.duration) : buildTrack(rows));
  if (!track.rows) return <p class="quiet">{text("common.loading")}</p>;
  return (
    <div class="editor">
      <Tools
        track={track}
        isChapters={isChapters}
        preview={preview}
        add={add}
        download={() =>
          saveFile(`${lesson.title}.${name.replace("captions/", "")}.vtt`, build(), "text/vtt")
        }
      />
      <Warnings track={track} />
      {rows.length ? (
        <ol class="cues" start={pages.first + 1}>
          {pages.shown.map((row, i) => (
            <CueRow
              key={row.id}
              row={row}
              number={pages.first + i + 1}
              fault={faults[pages.first + i] ?? null}
              isChapter={isChapters}
              isFocused={row.id === focused}
              preview={preview}
              change={change}
              remove={() => track.edit(rows.filter(({ id }) => id !== row.id))}
            />
          ))}
        </ol>
      ) : (
        <EmptyState
          icon="caption"
          title={text(isChapters ? "studio.video.noChapters" : "studio.video.noCaptions")}
        >
          {text(isChapters ? "studio.video.noChaptersText" : "studio.video.noLinesText")}
        </EmptyState>
      )}
      <Pager pages={pages} />
      <SaveBar track={track} faults={faults.filter(Boolean).length} build={build} />
      {track.isContested && <Contested track={track} />}
    </div>
  );
}

interface ToolsProps {
  track: EditedTrack;
  isChapters: boolean;
  preview: Preview;
  add: () => void;
  download: () => void;
}

function Tools({ track, isChapters, preview, add, download }: ToolsProps) {
  const time = formatTime(preview.time.value);
  const kind = isChapters ? "chapters" : "captions";
  const hasRows = Boolean(track.rows?.length);
  return (
    <div class="tools">
      <Button onClick={add}>
        <Icon name="plus" />
        <span class="number">
          {text(isChapters ? "studio.video.addChapter" : "studio.video.addCue", { time })}
        </span>
      </Button>
      <FileButton
        accept=".vtt,.srt,text/vtt,application/x-subrip"
        disabled={track.isBusy}
        choose={(files) => mayDrop() && void track.save(files[0] as File)}
      >
        <Icon name="upload" />
        {text("studio.video.openFile")}
      </FileButton>
      {(hasRows || !track.isNew) && (
        <Menu
          label={text("studio.more", { name: text(`studio.video.tabs.${kind}`) })}
          items={[
            {
              label: text("studio.video.saveFile"),
              icon: "download",
              run: download,
              isDisabled: !hasRows,
            },
            {
              label: text(isChapters ? "studio.video.deleteChapters" : "studio.video.deleteTrack"),
              icon: "trash",
              run: () => void track.remove(),
              isDangerous: true,
              isDisabled: track.isBusy || track.isNew,
            },
          ]}
        />
      )}
    </div>
  );
}

function Warnings({ track: { warnings } }: { track: EditedTrack }) {
  if (!warnings.length) return null;
  return (
    <div class="warnings" role="alert">
      <p>{text("studio.video.warnings", { count: warnings.length })}</p>
      <ul>
        {warnings.map(({ line, detail }) => (
          <li key={`${line} ${detail}`}>{text("studio.video.warning", { line, detail })}</li>
        ))}
      </ul>
    </div>
  );
}

interface SaveBarProps {
  track: EditedTrack;
  faults: number;
  build: () => string;
}

function SaveBar({ track, faults, build }: SaveBarProps) {
  const { isSaved, isBusy, rows = [] } = track;
  const save = async () => {
    const isDone = rows.length ? await track.save(build()) : await track.remove();
    if (isDone) showToast({ message: text("studio.video.saved") });
  };
  useSaveKey(() => !isSaved && !faults && void save());
  if (isSaved) return null;
  return (
    <div class="save-bar card">
      {faults ? (
        <p class="fault">{text("studio.video.faults", { count: faults })}</p>
      ) : (
        <Chip kind="waiting">{text("studio.video.unsaved")}</Chip>
      )}
      <Button kind="quiet" disabled={isBusy} onClick={track.discard}>
        {text("studio.video.discard")}
      </Button>
      <Button disabled={isBusy || faults > 0} onClick={() => void save()}>
        {text("studio.video.saveTrack")}
      </Button>
    </div>
  );
}

/** Two have changed the same: whose lines stay is asked of the one who comes last. */
function Contested({ track: { settle, discard } }: { track: EditedTrack }) {
  const takeTheirs = () => {
    settle(false);
    discard();
  };
  return (
    <Dialog
      title={text("studio.video.contested.title")}
      onClose={() => settle(false)}
      actions={
        <>
          <Button kind="quiet" onClick={takeTheirs}>
            {text("studio.video.contested.theirs")}
          </Button>
          <Button kind="danger" onClick={() => settle(true)}>
            {text("studio.video.contested.mine")}
          </Button>
        </>
      }
    >
      <p>{text("studio.video.contested.text")}</p>
    </Dialog>
  );
}

/** Ctrl+S and Cmd+S, as in every editor. */
function useSaveKey(save: () => void) {
  // Before the next key comes: an effect after the next picture would miss what was just typed.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      save();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  });
}
