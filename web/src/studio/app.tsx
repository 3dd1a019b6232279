// The page of the studio that the address names.

import { CourseList } from "./courses/course_list.tsx";
import { CoursePage } from "./courses/course_page.tsx";
import { type Studio, StudioContext } from "./parts/context.ts";
import { route } from "./parts/navigation.ts";
import { Missing } from "./parts/refusal.tsx";
import { UploadPanel } from "./uploads/upload_panel.tsx";
import { VideoPage } from "./video/video_page.tsx";

export function App({ studio }: { studio: Studio }) {
  return (
    <StudioContext.Provider value={studio}>
      <CurrentPage />
      <UploadPanel />
    </StudioContext.Provider>
  );
}

function CurrentPage() {
  const current = route.value;
  if (!current) return <Missing />;
  if (current.page === "courses") return <CourseList />;
  if (current.page === "course")
    return <CoursePage key={current.courseId} courseId={current.courseId} view={current.view} />;
  return <VideoPage key={current.videoId} videoId={current.videoId} view={current.view} />;
}
