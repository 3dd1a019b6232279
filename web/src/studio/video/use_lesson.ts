// A lesson with its course, kept true by events.

import { useEffect, useState } from "preact/hooks";
import { useStudio } from "../parts/context.ts";
import type { Course, Lesson } from "../service/answers.ts";

const RECHECK_MS = 15_000; // for what happened while no event could tell
const CHANGES = new Set([
  "video.processing",
  "video.ready",
  "video.failed",
  "video.updated",
  "reset",
]);

export function useLesson(videoId: string) {
  const { api, listen } = useStudio();
  const [lesson, setLesson] = useState<Lesson>();
  const [course, setCourse] = useState<Course>();
  const [error, setError] = useState<unknown>();
  const load = async () => {
    setError(undefined);
    try {
      const video = await api.video(videoId);
      setCourse(await api.course(video.course_id));
      setLesson(video);
    } catch (failure) {
      setError(failure);
    }
  };
  const refresh = () => void api.video(videoId).then(setLesson, () => {}); // the next event asks again
  useEffect(() => {
    void load();
    return listen((type, event) => {
      const isOurs = type === "reset" || event.video_id === videoId;
      if (isOurs && CHANGES.has(type)) refresh();
    });
  }, [videoId]);
  const isUnfinished = lesson?.status === "processing";
  useEffect(() => {
    if (!isUnfinished) return;
    const timer = setInterval(refresh, RECHECK_MS);
    return () => clearInterval(timer);
  }, [videoId, isUnfinished]);
  return { lesson, course, error, load: () => void load(), show: setLesson };
}
