// What stands in the place of a page that is not for this viewer, or is not there.

import { ButtonLink } from "../../design/button.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { text } from "../../texts/texts.ts";
import { inWords, isMissing, isRefusal } from "./failures.ts";

export function Refusal({ kind }: { kind: "studio" | "course" }) {
  const [title, explanation] =
    kind === "studio"
      ? [text("studio.notForYou"), text("studio.notForYouText")]
      : [text("studio.notThisCourse"), text("studio.notThisCourseText")];
  return (
    <EmptyState
      icon="door"
      title={title}
      isPage
      actions={<ButtonLink href="/">{text("studio.toHome")}</ButtonLink>}
    >
      {explanation}
    </EmptyState>
  );
}

export function Missing() {
  return (
    <EmptyState
      icon="search"
      title={text("studio.missing")}
      isPage
      actions={<ButtonLink href="/studio">{text("studio.toStudio")}</ButtonLink>}
    >
      {text("studio.missingText")}
    </EmptyState>
  );
}

/** The page for an error while loading. */
export function LoadingFailed({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  if (isRefusal(error)) return <Refusal kind="course" />;
  if (isMissing(error)) return <Missing />;
  return (
    <ErrorState title={text("studio.notLoaded")} onRetry={onRetry} isPage>
      {inWords(error)}
    </ErrorState>
  );
}
