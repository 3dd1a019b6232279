// A track under edit: its rows, whether they are saved, what the server left out of a file.

import { useEffect, useState } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { showFailure } from "../parts/failures.ts";
import { isDirty } from "../parts/navigation.ts";
import { offerUndo } from "../parts/undo_offer.ts";
import type { CueWarning, Lesson } from "../service/answers.ts";
import type { TrackName } from "../service/studio_api.ts";
import { type Row, readTrack } from "./cues.ts";

export interface EditedTrack {
  /** Undefined while it is loaded. */
  rows: readonly Row[] | undefined;
  isSaved: boolean;
  isNew: boolean;
  isBusy: boolean;
  warnings: readonly CueWarning[];
  edit: (rows: readonly Row[]) => void;
  save: (track: string | Blob) => Promise<boolean>;
  discard: () => void;
  remove: () => Promise<boolean>;
}

export function useTrack(
  videoId: string,
  name: TrackName,
  changed: (lesson: Lesson | null) => void,
): EditedTrack {
  const { api } = useStudio();
  const [rows, setRows] = useState<readonly Row[]>();
  const [etag, setEtag] = useState<string | null>(null);
  const [isSaved, setSaved] = useState(true);
  const [isBusy, setBusy] = useState(false);
  const [warnings, setWarnings] = useState<readonly CueWarning[]>([]);
  const mark = (saved: boolean) => {
    setSaved(saved);
    isDirty.value = !saved;
  };
  const load = async () => {
    const track = await api.track(videoId, name);
    setRows(track ? readTrack(track.vtt) : []);
    setEtag(track?.etag ?? null);
    mark(true);
  };
  useEffect(() => {
    setRows(undefined);
    setWarnings([]);
    load().catch(showFailure);
    return () => {
      isDirty.value = false;
    };
  }, [videoId, name]);
  const busily = async (work: () => Promise<void>) => {
    setBusy(true);
    const isDone = await work().then(
      () => true,
      (error) => {
        showFailure(error);
        return false;
      },
    );
    setBusy(false);
    return isDone;
  };
  const restore = async (vtt: string) => {
    changed(await api.putTrack(videoId, name, vtt, null));
    await load();
  };
  return {
    rows,
    isSaved,
    isNew: etag === null,
    isBusy,
    warnings,
    edit: (next) => {
      setRows(next);
      mark(false);
    },
    save: (track) =>
      busily(async () => {
        const { warnings: left, ...lesson } = await api.putTrack(videoId, name, track, etag);
        setWarnings(left);
        await load();
        changed(lesson as Lesson);
      }),
    discard: () => void load().catch(showFailure),
    remove: () =>
      busily(async () => {
        const before = etag ? await api.track(videoId, name) : null;
        if (before) await api.deleteTrack(videoId, name);
        setWarnings([]);
        await load();
        changed(null);
        if (before)
          offerUndo(text("studio.video.trackDeleted"), () =>
            restore(before.vtt).catch(showFailure),
          );
      }),
  };
}
