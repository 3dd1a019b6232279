// The shapes of what the service answers and is sent, as docs/api.md and /openapi.json have them.

import type { IntervalSet } from "../progress/intervals.ts";

export interface Source {
  url: string;
  type: string;
}

export interface Captions {
  language: string;
  url: string;
}

/** `height` is null for sound alone. */
export interface Size {
  height: number | null;
  bytes: number;
}

/** The answer to `POST /api/v1/videos/{video_id}/playback`. */
export interface Terms {
  grant: string;
  expires_at: string;
  /** The end of the addresses of media, where that is not the grant's. */
  media_expires_at?: string;
  session_id: string;
  next_sequence: number;
  stream_url: string;
  sources: Source[];
  hls_url: string | null;
  sizes?: Size[];
  thumbnails: Record<string, string>;
  captions: Captions[];
  chapters_url: string | null;
  storyboard_url: string | null;
  events_url: string;
  resume_position: number;
  duration: number | null;
  completed: boolean;
  report_interval: number;
}

/** The answer to `POST /api/v1/videos/{video_id}/offline`, and to a renewal. */
export interface LicenceAnswer {
  licence: string;
  expires_at: string;
  files: { url: string; size: number; type: string; pieces: string[] }[];
  renew_url: string;
}

export interface Progress {
  position: number;
  watched_seconds: number;
  watched_ratio: number;
  watched: IntervalSet;
  completed: boolean;
  completed_at: string | null;
  updated_at: string | null;
}

export type ReportEvent = "started" | "progress" | "paused" | "seeked" | "completed" | "stopped";

export interface Quality {
  startup_ms?: number;
  stalls?: number;
  stalled_ms?: number;
  dropped_frames?: number;
  bitrate?: number;
  height?: number;
  network?: Network;
  error?: string;
}

/** The kinds of line that browsers tell apart, by their speed (Network Information API). */
export type Network = "slow-2g" | "2g" | "3g" | "4g";

export interface Report {
  session_id: string;
  sequence: number;
  position: number;
  watched: IntervalSet;
  event: ReportEvent;
  rate?: number;
  delayed_s?: number;
  quality?: Quality;
}

export interface Video {
  id: string;
  course_id: string;
  module_id: string;
  /** Its place in the module; null comes after those that have one, oldest first. */
  position: number | null;
  title: string;
  status: "processing" | "ready" | "failed";
  failure: { code: string; detail: string } | null;
  processing_ratio: number;
  duration: number | null;
  thumbnails: Record<string, string>;
  created_at: string;
}

/** A video as a course shows it: with the caller's progress. */
export interface Lesson extends Video {
  progress: Progress | null;
}

export type Role = "student" | "instructor";

export interface CourseSummary {
  id: string;
  title: string;
  /** Null for admins and services without an enrolment. */
  role: Role | null;
}

export interface Module {
  id: string;
  title: string;
  position: number;
  videos: Lesson[];
}

export interface Course extends CourseSummary {
  modules: Module[];
}
