// The frame of the studio and the page of the current address.

import { useEffect } from "preact/hooks";
import { ButtonLink } from "../design/button.tsx";
import { PageShell } from "../design/page_shell.tsx";
import { EmptyState } from "../design/states.tsx";
import { text } from "../texts/texts.ts";
import { CourseList } from "./courses/course_list.tsx";
import { CoursePage } from "./courses/course_page.tsx";
import { type Studio, StudioContext } from "./parts/context.ts";
import { route } from "./parts/navigation.ts";
import { Missing } from "./parts/refusal.tsx";
import { UploadPanel } from "./uploads/upload_panel.tsx";
import { VideoPage } from "./video/video_page.tsx";

interface AppProps {
  /** Null for someone who is not signed in. */
  studio: Studio | null;
  viewer: { userId: string; name: string } | null;
}

export function App({ studio, viewer }: AppProps) {
  useEffect(() => {
    document.title = `${text("studio.title")} · ${text("common.brand")}`;
  }, []);
  return (
    <PageShell page="studio" viewer={viewer} canTeach>
      {studio ? (
        <StudioContext.Provider value={studio}>
          <CurrentPage />
          <UploadPanel />
        </StudioContext.Provider>
      ) : (
        <SignIn />
      )}
    </PageShell>
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

function SignIn() {
  return (
    <EmptyState
      icon="door"
      title={text("signIn.title")}
      isPage
      actions={<ButtonLink href="/">{text("studio.toHome")}</ButtonLink>}
    >
      {text("signIn.explanation")}
    </EmptyState>
  );
}
