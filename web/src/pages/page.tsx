// A page of a viewer: opens their session, draws the frame, and what stands in it for people without
// one.

import { type ComponentType, render } from "preact";
import { type PageName, PageShell } from "../design/page/page_shell.tsx";
import { ErrorState } from "../design/states.tsx";
import type { Api } from "../service/api.ts";
import { adoptViewer } from "../session/session.ts";
import { SignIn } from "../session/sign_in.tsx";
import type { Viewer } from "../session/viewer.ts";
import { applyLanguage } from "../texts/language.ts";
import { text } from "../texts/texts.ts";
import { FailureText } from "./failure.tsx";
import { adopt, canTeach, type Presence, presence, signOutHere } from "./presence.ts";

export interface ContentProps {
  viewer: Viewer;
  api: Api;
}

/** Draw the page into `#page`, with `Content` for whoever is signed in. */
export function openPage(name: PageName, Content: ComponentType<ContentProps>) {
  applyLanguage();
  const place = document.getElementById("page");
  if (place) render(<Frame name={name} Content={Content} />, place);
  // A page that comes back from the browser's cache may be another viewer's.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
  void adopt(adoptViewer());
}

/** What the masthead shows of this viewer. */
export function mastheadOf(now: Presence) {
  if (now.kind !== "present") return { viewer: null };
  const { viewer } = now;
  return { viewer, canTeach: canTeach.value, onSignOut: () => void signOutHere(viewer) };
}

interface FrameProps {
  name: PageName;
  Content: ComponentType<ContentProps>;
}

function Frame({ name, Content }: FrameProps) {
  const now = presence.value;
  return (
    <PageShell page={name} {...mastheadOf(now)}>
      {now.kind === "present" && now.viewer.token && <NotKept />}
      {now.kind === "present" && <Content viewer={now.viewer} api={now.api} />}
      {now.kind === "absent" && <SignIn reason={now.reason} />}
      {now.kind === "failed" && <Unopened error={now.error} />}
    </PageShell>
  );
}

/** Said where the browser keeps neither cookie nor storage. */
export function NotKept() {
  return (
    <p class="notice" role="status" data-key="storage">
      {text("signIn.notKept")}
    </p>
  );
}

export function Unopened({ error }: { error: unknown }) {
  return (
    <ErrorState isPage title={text("errors.unopened")} onRetry={() => location.reload()}>
      <FailureText error={error} />
    </ErrorState>
  );
}
