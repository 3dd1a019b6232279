// An answer of the service that is read again when it may have changed.

import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../../service/client.ts";
import type { LiveEvent } from "../../service/live.ts";
import { useDashboard } from "./context.ts";
import { Refresher } from "./refresher.ts";

const EVERY_MS = 2_000;
const RETRY_MS = 5_000; // of a server that restarts, say

export interface Fresh<T> {
  /** The last answer; it stays while a newer one cannot be had. */
  value: T | undefined;
  error: unknown;
  reload: () => void;
}

interface Changes {
  /** True for an event that changes the answer. */
  isChangedBy?: (type: string, event: LiveEvent) => boolean;
  /** How often to read it without any event. */
  everyMs?: number;
}

/** Read `url` now, with every change of it, and as `changes` say; not while nobody looks. */
export function useFresh<T>(url: string, changes: Changes = {}): Fresh<T> {
  const { api, listen } = useDashboard();
  const [answer, setAnswer] = useState<{ url: string; value: T }>();
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let isLeft = false;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      try {
        const value = await api.read<T>(url);
        clearTimeout(retry);
        if (!isLeft) setAnswer({ url, value });
        if (!isLeft) setError(undefined);
      } catch (failure) {
        if (isLeft) return;
        setError(failure);
        clearTimeout(retry);
        const mayPass = failure instanceof ApiError && failure.isTemporary;
        if (mayPass) retry = setTimeout(ask, Math.max(RETRY_MS, failure.retryAfterS * 1000));
      }
    };
    const refresher = new Refresher(read, EVERY_MS);
    const ask = () => document.hidden || refresher.ask();
    refresher.ask();
    const stop = listen((type, event) => {
      if (type === "reset" || changes.isChangedBy?.(type, event)) ask();
    });
    const timer = changes.everyMs ? setInterval(ask, changes.everyMs) : undefined;
    addEventListener("visibilitychange", ask);
    return () => {
      isLeft = true;
      stop();
      refresher.stop();
      clearInterval(timer);
      clearTimeout(retry);
      removeEventListener("visibilitychange", ask);
    };
  }, [url, round]);
  const value = answer?.url === url ? answer.value : undefined;
  return { value, error, reload: () => setRound((before) => before + 1) };
}

/** True for events of people who watch in this course. */
export function isPlayingIn(courseId: string) {
  return (type: string, event: LiveEvent) =>
    type.startsWith("playback.") && event.course_id === courseId;
}

/** True for events of people who watch this lesson. */
export function isPlayingOf(videoId: string) {
  return (type: string, event: LiveEvent) =>
    type.startsWith("playback.") && event.video_id === videoId;
}
