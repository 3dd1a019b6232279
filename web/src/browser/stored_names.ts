// Names under which pages keep things in web storage that other modules look for as well. Pure.

interface Lesson {
  userId: string;
  videoId: string;
}

export const PREFERENCES = "coursestream.preferences";
/** Who was signed in when the last page was open. */
export const VIEWER = "coursestream.viewer";
/** Before the place of reports that no server has acknowledged. */
export const UNSENT = "coursestream.unsent/";
/** Before what web storage knows to be in IndexedDB, where nobody can look at once. */
export const UNSENT_ELSEWHERE = "coursestream.unsent:";

/** `{user}/{video}` */
export function lessonKey({ userId, videoId }: Lesson): string {
  return `${userId}/${videoId}`;
}

/** The session that this tab's last page of the lesson used. */
export function sessionName(lesson: Lesson): string {
  return `coursestream.playback/${lessonKey(lesson)}`;
}

/** The terms that the page before has fetched ahead. */
export function prefetchedName(lesson: Lesson): string {
  return `coursestream.prefetched/${lessonKey(lesson)}`;
}
