// The addresses of the studio's pages. Pure.

export type Route =
  | { page: "courses" }
  | { page: "course"; courseId: string; view: CourseTab }
  | { page: "video"; videoId: string; view: VideoTab };

export const COURSE_TABS = ["lessons", "people", "watched"] as const;
export type CourseTab = (typeof COURSE_TABS)[number];

export const VIDEO_TABS = ["picture", "captions", "chapters", "file", "watched"] as const;
export type VideoTab = (typeof VIDEO_TABS)[number];

/** The page of an address; null where the studio has none. */
export function routeOf(pathname: string, search = ""): Route | null {
  const [room, kind, id, ...rest] = pathname.split("/").filter(Boolean);
  if (room !== "studio" || rest.length) return null;
  if (kind === undefined) return { page: "courses" };
  if (!id) return null;
  if (kind === "courses")
    return { page: "course", courseId: decoded(id), view: viewOf(search, COURSE_TABS) };
  if (kind === "videos")
    return { page: "video", videoId: decoded(id), view: viewOf(search, VIDEO_TABS) };
  return null;
}

export function courseAddress(courseId: string, view: CourseTab = "lessons"): string {
  return `/studio/courses/${encodeURIComponent(courseId)}${queryOf(view, COURSE_TABS)}`;
}

export function videoAddress(videoId: string, view: VideoTab = "picture"): string {
  return `/studio/videos/${encodeURIComponent(videoId)}${queryOf(view, VIDEO_TABS)}`;
}

/** The view that an address names; the first one where it names none. */
function viewOf<Names extends readonly string[]>(search: string, names: Names): Names[number] {
  const wanted = new URLSearchParams(search).get("view");
  return names.find((name) => name === wanted) ?? (names[0] as Names[number]);
}

function queryOf(view: string, names: readonly string[]): string {
  return view === names[0] ? "" : `?view=${view}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
