// Playback sessions as the service answers them, and the addresses of those answers. Pure.

export interface SessionQuality {
  device: string;
  browser: string;
  network: string;
  startup_ms: number | null;
  stalls: number;
  stalled_seconds: number;
  played_seconds: number;
  dropped_frames: number;
  bitrate: number | null;
  height: number | null;
  has_error: boolean;
}

export interface SessionRow {
  session_id: string;
  user_id: string;
  video_id: string;
  title: string;
  started_at: string;
  last_report_at: string;
  quality: SessionQuality | null;
}

export interface SessionPage {
  items: SessionRow[];
  next_cursor: string | null;
}

/** What happened at a time; which of the fields there are, its kind says. */
export interface Moment {
  at: string;
  kind: string;
  position?: number;
  startup_ms?: number;
  stalls?: number;
  stalled_ms?: number;
  frames?: number;
  message?: string;
  code?: string;
  seconds?: number;
  bytes?: number;
  waited_for_client_s?: number;
  waited_for_disk_s?: number;
  paced_s?: number;
  late_s?: number;
  to?: string;
}

export interface SessionTimeline extends SessionRow {
  timeline: Moment[];
  cause: string | null;
  sentence: string;
}

/** Whose sessions of which day, from which time of it on, where the reader is; empty: one's own, of the last week. */
export interface SessionSearch {
  userId: string;
  day: string;
  time?: string;
}

export const MOST_SESSIONS = 100;
const ROOT = "/api/v1/analytics/sessions";
const DAY_MS = 86_400_000;
const DAYS_BACK = 7;

export function searchOf(query: string): SessionSearch {
  const said = new URLSearchParams(query);
  const given = (name: string) => said.get(name) ?? "";
  return { userId: given("user_id"), day: given("day"), time: given("time") };
}

export function sessionsUrl({ userId, day, time }: SessionSearch, nowMs = Date.now()): string {
  const midnight = new Date(`${day}T00:00`);
  const begin = new Date(`${day}T${time}`);
  const span: Record<string, string> = Number.isNaN(midnight.getTime())
    ? { from: dayOf(nowMs - DAYS_BACK * DAY_MS) }
    : {
        from: (Number.isNaN(begin.getTime()) ? midnight : begin).toISOString(),
        to: dayAfter(midnight).toISOString(),
      };
  return `${ROOT}${queryOf({ user_id: userId, ...span, limit: `${MOST_SESSIONS}` })}`;
}

export function sessionUrl(sessionId: string, userId: string): string {
  return `${ROOT}/${encodeURIComponent(sessionId)}${queryOf({ user_id: userId })}`;
}

/** The query that says this, without what is empty. */
export function queryOf(said: Record<string, string>): string {
  const query = `${new URLSearchParams(Object.entries(said).filter(([, value]) => value))}`;
  return query && `?${query}`;
}

/** The next midnight where the reader is: days on which clocks change have no 24 hours. */
function dayAfter(midnight: Date): Date {
  return new Date(midnight.getFullYear(), midnight.getMonth(), midnight.getDate() + 1);
}

function dayOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
