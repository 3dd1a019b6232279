// The dashboard: what is watched, for teachers; what the service does, for who runs it; sessions, for
// a help desk and for everyone of their own.

import { useMemo } from "preact/hooks";
import { type ContentProps, openPage } from "../pages/page.tsx";
import type { Api } from "../service/api.ts";
import { followEvents, type LiveEvent } from "../service/live.ts";
import type { Viewer } from "../session/viewer.ts";
import { text } from "../texts/texts.ts";
import { followScheme } from "./charts/colours.ts";
import { CourseList } from "./courses/course_list.tsx";
import { CoursePage } from "./courses/course_page.tsx";
import { type Dashboard, DashboardContext, type EventListener } from "./parts/context.ts";
import { Missing } from "./parts/trouble.tsx";
import { ServerPage } from "./server/server_page.tsx";
import { routeOf } from "./service/routes.ts";
import { searchOf } from "./service/sessions.ts";
import { SessionPage } from "./sessions/session_page.tsx";
import { SessionsPage } from "./sessions/sessions_page.tsx";
import { VideoPage } from "./video/video_page.tsx";

document.title = `${text("dashboard.title")} · ${text("common.brand")}`;
followScheme();
openPage("dashboard", DashboardPage);

function DashboardPage({ viewer, api }: ContentProps) {
  const dashboard = useMemo(() => dashboardOf(viewer, api), [viewer, api]);
  return (
    <DashboardContext.Provider value={dashboard}>
      <CurrentPage />
    </DashboardContext.Provider>
  );
}

function CurrentPage() {
  const route = routeOf(location.pathname);
  if (!route) return <Missing />;
  if (route.page === "courses") return <CourseList />;
  if (route.page === "course") return <CoursePage courseId={route.courseId} />;
  if (route.page === "video") return <VideoPage videoId={route.videoId} />;
  if (route.page === "sessions") return <SessionsPage />;
  if (route.page === "session")
    return <SessionPage sessionId={route.sessionId} userId={searchOf(location.search).userId} />;
  return <ServerPage />;
}

function dashboardOf(viewer: Viewer, api: Api): Dashboard {
  const listeners = new Set<EventListener>();
  followEvents(api, viewer.userId, (type: string, event: LiveEvent) => {
    for (const listener of listeners) listener(type, event);
  });
  return {
    api,
    viewer,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
