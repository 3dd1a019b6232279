// Everyone's progress in a course: loaded page by page, then kept true by events.

import { useEffect, useMemo, useState } from "preact/hooks";
import { useStudio } from "../parts/context.ts";
import type { Enrollment } from "../service/answers.ts";
import { WatchTable } from "./watch_table.ts";

export interface Watched {
  table: WatchTable;
  enrolled: readonly Enrollment[];
  /** How many rows there are so far; null when all are there. */
  loading: number | null;
  error: unknown;
  load: () => void;
}

export function useWatched(courseId: string): Watched {
  const { api, listen } = useStudio();
  const table = useMemo(() => new WatchTable(), [courseId]);
  const [enrolled, setEnrolled] = useState<Enrollment[]>([]);
  const [loading, setLoading] = useState<number | null>(0);
  const [error, setError] = useState<unknown>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    const left = new AbortController();
    const read = async () => {
      setEnrolled(await api.enrollments(courseId));
      let rows = 0;
      for await (const page of api.progress(courseId)) {
        if (left.signal.aborted) return;
        table.add(page);
        rows += page.length;
        setLoading(rows);
      }
      setLoading(null);
    };
    setError(undefined);
    setLoading(0);
    read().catch((failure) => !left.signal.aborted && setError(failure));
    const stop = listen((type, event) => {
      if (type === "reset") return setRound((before) => before + 1);
      if (event.course_id !== courseId) return;
      table.apply(type, event);
      if (type === "enrollment.changed") void api.enrollments(courseId).then(setEnrolled, () => {});
    });
    return () => {
      left.abort();
      stop();
    };
  }, [courseId, round]);
  return { table, enrolled, loading, error, load: () => setRound((before) => before + 1) };
}
