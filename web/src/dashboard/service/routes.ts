// The addresses of the dashboard's pages. Pure.

import { queryOf, type SessionSearch } from "./sessions.ts";

export type Route =
  | { page: "courses" }
  | { page: "course"; courseId: string }
  | { page: "video"; videoId: string }
  | { page: "server" }
  | { page: "sessions" }
  | { page: "session"; sessionId: string };

/** The page of an address; null where the dashboard has none. */
export function routeOf(pathname: string): Route | null {
  const [room, kind, id, ...rest] = pathname.split("/").filter(Boolean);
  if (room !== "dashboard" || rest.length) return null;
  if (kind === undefined) return { page: "courses" };
  if (kind === "server" && id === undefined) return { page: "server" };
  if (kind === "sessions" && id === undefined) return { page: "sessions" };
  if (kind === "sessions" && id) return { page: "session", sessionId: decodeURIComponent(id) };
  if (kind === "courses" && id) return { page: "course", courseId: decodeURIComponent(id) };
  if (kind === "videos" && id) return { page: "video", videoId: decodeURIComponent(id) };
  return null;
}

export function courseFiguresAddress(courseId: string): string {
  return `/dashboard/courses/${encodeURIComponent(courseId)}`;
}

export function videoFiguresAddress(videoId: string): string {
  return `/dashboard/videos/${encodeURIComponent(videoId)}`;
}

/** The address of somebody's sessions, of one's own without a user. */
export function sessionsAddress({ userId, day, time = "" }: SessionSearch): string {
  return `/dashboard/sessions${queryOf({ user_id: userId, day, time })}`;
}

export function sessionAddress(sessionId: string, userId: string): string {
  return `/dashboard/sessions/${encodeURIComponent(sessionId)}${queryOf({ user_id: userId })}`;
}
