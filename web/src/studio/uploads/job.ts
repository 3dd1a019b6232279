// One file on its way to the server, as the queue keeps it. Pure.

/**
 * `queued`: waits for its turn. `sending`: is on its way. `waiting`: the network or the server is
 * away; goes on by itself. `paused`: by the teacher. `lost`: the browser no longer has the file, or
 * the sign-in. `refused`: the server does not take it. `sent`: the server has it all.
 */
export type JobState = "queued" | "sending" | "waiting" | "paused" | "lost" | "refused" | "sent";

/** Why a job stands still: a code of the service, or `no-permission`, `file-gone`, `file-changed`. */
export interface Trouble {
  code: string;
  detail: string;
}

export interface Job {
  id: string;
  userId: string;
  courseId: string;
  moduleId: string;
  /** The video whose file this one takes the place of. */
  replaces: string | null;
  title: string;
  filename: string;
  size: number;
  modifiedMs: number;
  addedAtMs: number;
  uploadUrl: string | null;
  offset: number;
  state: JobState;
  trouble: Trouble | null;
  videoId: string | null;
}

/** What the upload is for. */
export interface Target {
  userId: string;
  courseId: string;
  moduleId: string;
  replaces?: string | null;
  /** Without one it is made of the file's name. */
  title?: string;
}

/** The code of a sign-in that has ended. */
export const SIGNED_OUT = "invalid-token";
const RESUMABLE = new Set(["no-permission", SIGNED_OUT]);

/** What the server may say again after a while. */
const PASSING = new Set([0, 408, 409, 423, 429, 460]);

export function isPassing(status: number): boolean {
  return PASSING.has(status) || status >= 500 ? status !== 507 : false;
}

export function isSameFile(job: Job, file: { name: string; size: number; lastModified: number }) {
  return job.filename === file.name && job.size === file.size;
}

export function ratioOf({ offset, size }: Job): number {
  return size ? offset / size : 0;
}

/** Those that end by themselves or by the server's word. */
/** True where the teacher says when it goes on: after a pause, a permission or a new sign-in. */
export function mayResume({ state, trouble }: Job): boolean {
  return state === "paused" || (state === "lost" && RESUMABLE.has(trouble?.code ?? ""));
}

export function isOver({ state }: Job): boolean {
  return state === "sent" || state === "refused";
}
