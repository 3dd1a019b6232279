// The frame of a page: skip link, masthead, content, messages.

import type { ComponentChildren } from "preact";
import { text } from "../../texts/texts.ts";
import { BrandIcon } from "../icons.tsx";
import { Toasts } from "../overlays/toasts.tsx";
import { type ShownViewer, ViewerMenu } from "./viewer_menu.tsx";

export type PageName = "home" | "studio" | "dashboard" | "watch" | "docs" | "other";

export interface MastheadProps {
  page: PageName;
  /** Null for someone who is not signed in. */
  viewer: ShownViewer | null;
  /** True for whoever may prepare lessons: instructors of any course, and admins. */
  canTeach?: boolean;
  onSignOut?: (() => void) | undefined;
  /** The id that the skip link leads to. */
  contentId?: string;
}

export function Masthead({ page, viewer, canTeach, onSignOut, contentId }: MastheadProps) {
  return (
    <>
      <a class="skip" href={`#${contentId ?? "content"}`}>
        {text("common.skip")}
      </a>
      <header class="masthead">
        <div class="masthead__inside">
          <a class="brand" href="/">
            <BrandIcon />
            <span class="brand__name">{text("common.brand")}</span>
          </a>
          <nav class="masthead__links" aria-label={text("common.pages")}>
            <PageLink href="/" isCurrent={page === "home"}>
              {text("common.home")}
            </PageLink>
            {canTeach && (
              <PageLink href="/studio" isCurrent={page === "studio"}>
                {text("common.studio")}
              </PageLink>
            )}
            {canTeach && (
              <PageLink href="/dashboard" isCurrent={page === "dashboard"}>
                {text("common.dashboard")}
              </PageLink>
            )}
          </nav>
          <div class="masthead__end">
            <ViewerMenu viewer={viewer} onSignOut={onSignOut} />
          </div>
        </div>
      </header>
    </>
  );
}

function PageLink(props: { href: string; isCurrent: boolean; children: ComponentChildren }) {
  return (
    <a href={props.href} aria-current={props.isCurrent ? "page" : undefined}>
      {props.children}
    </a>
  );
}

export function PageShell({
  children,
  ...masthead
}: MastheadProps & { children: ComponentChildren }) {
  return (
    <>
      <Masthead {...masthead} />
      <main id="content" class="page" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
    </>
  );
}
