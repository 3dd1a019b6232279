// Addresses of the API that several clients ask for.

export const COURSES = "/api/v1/courses";

export function courseUrl(id: string) {
  return `${COURSES}/${encodeURIComponent(id)}`;
}

export function videoUrl(id: string) {
  return `/api/v1/videos/${encodeURIComponent(id)}`;
}
