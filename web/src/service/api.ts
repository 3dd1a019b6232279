// What the pages of courses and figures ask of the service.

import type { Course, CourseSummary, Progress, Report, Video } from "./answers.ts";
import { COURSES, courseUrl, videoUrl } from "./urls.ts";
import { ViewerClient } from "./viewer_client.ts";

const MAX_PAGES = 25;

export class Api extends ViewerClient {
  courses(): Promise<CourseSummary[]> {
    return this.everything(COURSES, MAX_PAGES);
  }

  course(id: string): Promise<Course> {
    return this.json("GET", courseUrl(id));
  }

  video(id: string): Promise<Video> {
    return this.json("GET", videoUrl(id));
  }

  report(id: string, report: Report): Promise<Progress> {
    return this.json("PUT", `${videoUrl(id)}/progress`, { body: report });
  }

  /** The answer at an address of the API. */
  read<T>(url: string): Promise<T> {
    return this.json("GET", url);
  }

  /** The table at an address, as CSV. */
  async csv(url: string): Promise<Blob> {
    return (await this.send("GET", url, { accept: "text/csv" })).blob();
  }

  async vtt(url: string): Promise<string> {
    return (await this.send("GET", url, { accept: "text/vtt" })).text();
  }
}
