// The addresses of the dashboard's pages. Pure.

export type Route =
  | { page: "courses" }
  | { page: "course"; courseId: string }
  | { page: "video"; videoId: string }
  | { page: "server" };

/** The page of an address; null where the dashboard has none. */
export function routeOf(pathname: string): Route | null {
  const [room, kind, id, ...rest] = pathname.split("/").filter(Boolean);
  if (room !== "dashboard" || rest.length) return null;
  if (kind === undefined) return { page: "courses" };
  if (kind === "server" && id === undefined) return { page: "server" };
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
