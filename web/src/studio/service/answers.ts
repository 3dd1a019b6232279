// The shapes of what the service answers to teachers, as docs/api.md has them.

import type { Captions, Progress, Video } from "../../service/answers.ts";

export type Role = "student" | "instructor";

export interface CourseSummary {
  id: string;
  title: string;
  role: Role | null;
}

export interface Failure {
  code: string;
  detail: string;
}

/** A picture size of the adaptive ladder. */
export interface Rendition {
  height: number | null;
  state: "waiting" | "processing" | "ready" | "failed";
  failure?: Failure;
}

export interface Lesson extends Video {
  original_filename: string;
  original_size: number;
  /** Of the file that plays; null until there is one. */
  size: number | null;
  sha256: string | null;
  processing_ratio: number;
  width: number | null;
  height: number | null;
  renditions: Rendition[];
  captions: Captions[];
  chapters_url: string | null;
  created_at: string;
  updated_at: string;
}

export interface Module {
  id: string;
  title: string;
  position: number;
}

/** Where something stands in its list; without a position behind the others. */
export interface Placed {
  id: string;
  position: number | null;
}

export interface ModuleWithLessons extends Module {
  videos: Lesson[];
}

export interface Course extends CourseSummary {
  modules: ModuleWithLessons[];
}

export interface Enrollment {
  user_id: string;
  role: Role | null;
  created_at: string;
}

/** One student's progress in one lesson. */
export interface ProgressItem extends Progress {
  video_id: string;
  user_id: string;
}

/** A cue that the server left out of a sent track; `line` counts from 1. */
export interface CueWarning {
  line: number;
  detail: string;
}
