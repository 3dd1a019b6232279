// Figures as the service answers them; docs/analytics.md defines each.

export interface DayFigures {
  day: string;
  viewers: number;
  sessions: number;
  watched_seconds: number;
  bytes: number;
}

export interface VideoRow {
  video_id: string;
  title: string;
  viewers: number;
  completions: number;
  average_watched_ratio: number;
  watched_seconds: number;
}

export interface CourseFigures {
  viewers: number;
  sessions: number;
  watched_seconds: number;
  completions: number;
  average_watched_ratio: number;
  active_now: number;
  days: DayFigures[];
  videos: VideoRow[];
}

/** Unique viewers and plays of each step of `step` seconds. */
export interface Retention {
  step: number;
  viewers: number[];
  plays: number[];
}

export interface VideoFigures extends CourseFigures {
  retention: Retention | null;
  withheld?: "too-few";
}

export interface StudentRow {
  user_id: string;
  videos_completed: number;
  videos_started: number;
  watched_seconds: number;
  last_seen_at: string | null;
  /** The lesson that was watched last and is not completed, and the place in it. */
  stopped_in: string | null;
  stopped_in_title: string | null;
  stopped_at: number | null;
}

export type StudentFigure =
  | "enrolled"
  | "user_id"
  | "videos_completed"
  | "watched_seconds"
  | "last_seen_at";

export interface StudentOrder {
  figure: StudentFigure;
  isDescending: boolean;
}

/** Quality of playback of one group; all but `viewers` is null where it is withheld. */
export interface QualityRow {
  of: string;
  viewers: number;
  withheld: "too-few" | "others-too-few" | null;
  sessions: number | null;
  exits_before_start: number | null;
  failures_before_start: number | null;
  sessions_with_errors: number | null;
  startup_ms: number | null;
  startup_score: number | null;
  startups: number | null;
  startups_within_500_ms: number | null;
  startups_within_1_s: number | null;
  startups_within_2_s: number | null;
  startups_within_4_s: number | null;
  startups_within_8_s: number | null;
  sessions_with_stalls: number | null;
  stalls: number | null;
  stall_ratio: number | null;
  /** Bits a second, over the time in which they were known; lines of the picture likewise. */
  bitrate: number | null;
  height: number | null;
}

export const QUALITY_GROUPS = ["devices", "browsers", "networks", "days", "videos"] as const;
export type QualityGroup = (typeof QUALITY_GROUPS)[number];

export type QualityFigures = { all: QualityRow } & Record<QualityGroup, QualityRow[]>;

export interface StudentPage {
  items: StudentRow[];
  next_cursor: string | null;
}

export interface PopularRow {
  video_id: string;
  course_id: string;
  title: string;
  viewers: number;
  watched_seconds: number;
}

export interface Problem {
  kind: "video" | "replacement" | "rendition" | "webhook";
  subject_id: string;
  course_id: string | null;
  title: string | null;
  code: string | null;
  detail: string | null;
  count: number;
  at: string | null;
}

export interface ServerFigures {
  playbacks: { playing: number; paused: number };
  transfers: Record<string, number>;
  sent_bytes: Record<string, number>;
  event_streams: number;
  events_waiting: number;
  reports_waiting: number;
  reports_stored: number;
  damaged_files: number;
  jobs: { waiting: number; running: number; failed: number };
  problems: Problem[];
}

export interface StorageFigures {
  disk_bytes: number;
  free_bytes: number;
  used_bytes: number;
  quota_bytes: number | null;
  courses: { course_id: string; title: string; videos: number; bytes: number }[];
}

/** What `/readyz` answers: a fault by the name of each check, and details in words. */
export interface Readiness {
  status: string;
  checks: Record<string, string>;
  details?: Record<string, string>;
}

const ROOT = "/api/v1/analytics";

/** The address of a course's figures; `since` is their first day, null for all time. */
export function courseFiguresUrl(courseId: string, since: string | null): string {
  return `${ROOT}/courses/${encodeURIComponent(courseId)}${since ? `?from=${since}` : ""}`;
}

export function videoFiguresUrl(videoId: string, since: string | null): string {
  return `${ROOT}/videos/${encodeURIComponent(videoId)}${since ? `?from=${since}` : ""}`;
}

export function studentsUrl(courseId: string): string {
  return `${ROOT}/courses/${encodeURIComponent(courseId)}/students`;
}

export function studentsPageUrl(
  courseId: string,
  { figure, isDescending }: StudentOrder,
  cursor: string | null,
  limit: number,
): string {
  const direction = isDescending ? "desc" : "asc";
  const order = { sort: figure, direction, limit: `${limit}` };
  return `${studentsUrl(courseId)}?${new URLSearchParams({ ...order, ...(cursor && { cursor }) })}`;
}

/** The address of the quality of a course or a video, by that of its figures. */
export function qualityUrl(figuresUrl: string): string {
  const [path, query] = figuresUrl.split("?");
  return `${path}/quality${query ? `?${query}` : ""}`;
}

export const POPULAR_DAYS = ["1", "7", "30"] as const;
export type PopularDays = (typeof POPULAR_DAYS)[number];

export function popularUrl(days: PopularDays): string {
  return `${ROOT}/popular?days=${days}`;
}

export const SERVER_URL = `${ROOT}/server`;
export const STORAGE_URL = `${ROOT}/storage`;
