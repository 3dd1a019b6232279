// What a teacher asks of the service, and changes.

import { ApiError } from "../../service/client.ts";
import { COURSES, courseUrl, videoUrl } from "../../service/urls.ts";
import { ViewerClient } from "../../service/viewer_client.ts";
import type {
  Course,
  CourseSummary,
  CueWarning,
  Enrollment,
  Lesson,
  Module,
  Placed,
  ProgressItem,
  Role,
} from "./answers.ts";

const MAX_PAGES = 2_000; // 400,000 rows of progress
const PICTURE_TIMEOUT_MS = 150_000; // all sizes are made before the answer comes

/** A track of a video: `captions/de`, `chapters`. */
export type TrackName = "chapters" | `captions/${string}`;

/** The text of a track, and the tag that its next version has to name. */
export interface Track {
  vtt: string;
  etag: string | null;
}

export class StudioApi extends ViewerClient {
  courses(): Promise<CourseSummary[]> {
    return this.everything(COURSES, MAX_PAGES);
  }

  course(id: string): Promise<Course> {
    return this.json("GET", courseUrl(id));
  }

  putCourse(id: string, title: string): Promise<CourseSummary> {
    return this.json("PUT", courseUrl(id), { body: { title } });
  }

  /** PUT would make one anew: 404 where it has been deleted meanwhile. */
  async renameCourse(id: string, title: string): Promise<CourseSummary> {
    await this.course(id);
    return this.putCourse(id, title);
  }

  async deleteCourse(id: string) {
    await this.send("DELETE", courseUrl(id));
  }

  putModule(courseId: string, { id, title, position }: Module): Promise<Module> {
    return this.json("PUT", moduleUrl(courseId, id), { body: { title, position } });
  }

  /** At the place that it has by now; 404 where it has been deleted meanwhile. */
  async renameModule(courseId: string, id: string, title: string): Promise<Module> {
    const { modules } = await this.course(courseId);
    const module = modules.find((one) => one.id === id);
    if (!module) throw new ApiError(404, { code: "not-found" });
    return this.putModule(courseId, { ...module, title });
  }

  async deleteModule(courseId: string, id: string) {
    await this.send("DELETE", moduleUrl(courseId, id));
  }

  enrollments(courseId: string): Promise<Enrollment[]> {
    return this.everything(`${courseUrl(courseId)}/enrollments`, MAX_PAGES);
  }

  enrol(courseId: string, userId: string, role: Role): Promise<Enrollment> {
    return this.json("PUT", enrollmentUrl(courseId, userId), { body: { role } });
  }

  async withdraw(courseId: string, userId: string) {
    await this.send("DELETE", enrollmentUrl(courseId, userId));
  }

  video(id: string): Promise<Lesson> {
    return this.json("GET", videoUrl(id));
  }

  renameVideo(id: string, title: string): Promise<Lesson> {
    return this.json("PATCH", videoUrl(id), { body: { title } });
  }

  /** A plain link to the file; null where no cookie opens it. */
  downloadUrl(id: string): string | null {
    return this.token ? null : `${videoUrl(id)}/download`;
  }

  /** Put all modules of a course into this order. */
  async orderModules(courseId: string, ids: readonly string[]): Promise<Placed[]> {
    const body = { modules: ids };
    const url = `${courseUrl(courseId)}/order`;
    return (await this.json<{ modules: Placed[] }>("PUT", url, { body })).modules;
  }

  /** Put all lessons of a module into this order. */
  async orderLessons(moduleId: string, ids: readonly string[]): Promise<Placed[]> {
    const url = `/api/v1/modules/${encodeURIComponent(moduleId)}/order`;
    return (await this.json<{ videos: Placed[] }>("PUT", url, { body: { videos: ids } })).videos;
  }

  async deleteVideo(id: string) {
    await this.send("DELETE", videoUrl(id));
  }

  restoreVideo(id: string): Promise<Lesson> {
    return this.json("POST", `${videoUrl(id)}/restore`);
  }

  chooseFrame(id: string, at: number): Promise<Lesson> {
    const options = { body: { at }, timeoutMs: PICTURE_TIMEOUT_MS };
    return this.json("PUT", `${videoUrl(id)}/thumbnail`, options);
  }

  sendPicture(id: string, picture: Blob): Promise<Lesson> {
    const options = { body: picture, bodyType: picture.type, timeoutMs: PICTURE_TIMEOUT_MS };
    return this.json("PUT", `${videoUrl(id)}/thumbnail`, options);
  }

  /** Null where there is none yet. */
  async track(videoId: string, name: TrackName): Promise<Track | null> {
    try {
      const response = await this.send("GET", trackUrl(videoId, name), { accept: "text/vtt" });
      return { vtt: await response.text(), etag: response.headers.get("ETag") };
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  /** Takes WebVTT or SRT; `etag` is of the version that is replaced, null for a new track. */
  putTrack(
    videoId: string,
    name: TrackName,
    text: string | Blob,
    etag: string | null,
  ): Promise<Lesson & { warnings: CueWarning[] }> {
    const headers: Record<string, string> = etag ? { "If-Match": etag } : { "If-None-Match": "*" };
    const options = { body: text, bodyType: "text/vtt", headers };
    return this.json("PUT", trackUrl(videoId, name), options);
  }

  /** `etag` is of the version that is deleted. */
  async deleteTrack(videoId: string, name: TrackName, etag: string) {
    await this.send("DELETE", trackUrl(videoId, name), { headers: { "If-Match": etag } });
  }

  /** Everyone's progress in a course, page by page. */
  progress(courseId: string): AsyncGenerator<ProgressItem[]> {
    return this.pages(`${courseUrl(courseId)}/progress`, MAX_PAGES);
  }

  /** The most bytes that a file may have; null where the server does not say. */
  async mostBytes(): Promise<number | null> {
    const response = await this.send("OPTIONS", "/api/v1/uploads");
    return Number(response.headers.get("Tus-Max-Size")) || null;
  }
}

function moduleUrl(courseId: string, id: string) {
  return `${courseUrl(courseId)}/modules/${encodeURIComponent(id)}`;
}

function enrollmentUrl(courseId: string, userId: string) {
  return `${courseUrl(courseId)}/enrollments/${encodeURIComponent(userId)}`;
}

function trackUrl(videoId: string, name: TrackName) {
  return `${videoUrl(videoId)}/${name}`;
}
