// A track under edit: its rows, whether they are saved, what the server left out of a file.

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../../service/client.ts";
import { text } from "../../texts/texts.ts";
import { useStudio } from "../parts/context.ts";
import { showFailure } from "../parts/failures.ts";
import { useUnsaved } from "../parts/navigation.ts";
import { offerUndo } from "../parts/undo_offer.ts";
import type { CueWarning, Lesson } from "../service/answers.ts";
import type { TrackName } from "../service/studio_api.ts";
import { type Row, readTrack, withIdsOf } from "./cues.ts";

export interface EditedTrack {
  /** Undefined while it is loaded. */
  rows: readonly Row[] | undefined;
  isSaved: boolean;
  isNew: boolean;
  isBusy: boolean;
  warnings: readonly CueWarning[];
  /** True where someone else has saved it since it was loaded. */
  isContested: boolean;
  edit: (rows: readonly Row[]) => void;
  save: (track: string | Blob) => Promise<boolean>;
  discard: () => void;
  remove: () => Promise<boolean>;
  /** Do what was refused, over what the other one has saved; or, with false, do it not. */
  settle: (isOver: boolean) => void;
}

/** Changes the version that the tag names. */
type Work = (etag: string | null) => Promise<void>;

/** `updatedAt` is the lesson's: its tracks may be other ones then. */
export function useTrack(
  videoId: string,
  name: TrackName,
  updatedAt: string,
  changed: (lesson: Lesson | null) => void,
): EditedTrack {
  const { api } = useStudio();
  const [rows, setRows] = useState<readonly Row[]>();
  const [etag, setEtag] = useState<string | null>(null);
  const [isSaved, setSaved] = useState(true);
  const [isBusy, setBusy] = useState(false);
  const [warnings, setWarnings] = useState<readonly CueWarning[]>([]);
  const [refused, setRefused] = useState<{ work: Work } | null>(null);
  useUnsaved(!isSaved);
  const edits = useRef(0);
  /** What was written since then stays; unless it is over this version, saving tells of that. */
  const load = async (since = edits.current, isOver = false) => {
    const track = await api.track(videoId, name);
    const isEdited = edits.current !== since;
    if (!isEdited || isOver) setEtag(track?.etag ?? null);
    if (isEdited) return;
    setRows((before) => (track ? withIdsOf(before ?? [], readTrack(track.vtt)) : []));
    setSaved(true);
  };
  useEffect(() => {
    setRows(undefined);
    setWarnings([]);
    load().catch(showFailure);
  }, [videoId, name]);
  useEffect(() => {
    if (rows && isSaved && !isBusy) load().catch(() => {}); // saving tells of what was missed
  }, [updatedAt]);
  const change = async (work: Work, of = etag) => {
    setBusy(true);
    const isDone = await work(of).then(
      () => true,
      (error) => {
        const isChanged = error instanceof ApiError && error.status === 412;
        setRefused(isChanged ? { work } : null);
        if (!isChanged) showFailure(error);
        return false;
      },
    );
    setBusy(false);
    return isDone;
  };
  const settle = async (isOver: boolean) => {
    setRefused(null);
    if (!isOver || !refused) return;
    const newest = await api.track(videoId, name).catch(showFailure);
    if (newest !== undefined) await change(refused.work, newest?.etag ?? null);
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
    isContested: refused !== null,
    edit: (next) => {
      edits.current += 1;
      setRows(next);
      setSaved(false);
    },
    save: (track) =>
      change(async (of) => {
        const since = edits.current;
        const { warnings: left, ...lesson } = await api.putTrack(videoId, name, track, of);
        setWarnings(left);
        await load(since, true);
        changed(lesson as Lesson);
      }),
    discard: () => void load().catch(showFailure),
    remove: () =>
      change(async (of) => {
        const before = of ? await api.track(videoId, name) : null;
        if (of && before) await api.deleteTrack(videoId, name, of);
        setWarnings([]);
        await load();
        changed(null);
        if (before)
          offerUndo(text("studio.video.trackDeleted"), () =>
            restore(before.vtt).catch(showFailure),
          );
      }),
    settle: (isOver) => void settle(isOver),
  };
}
