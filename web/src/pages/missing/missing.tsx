// The page of an address that nobody knows.

import { render } from "preact";
import { ButtonLink } from "../../design/button.tsx";
import { PageShell } from "../../design/page/page_shell.tsx";
import { EmptyState } from "../../design/states.tsx";
import { applyLanguage } from "../../texts/language.ts";
import { text } from "../../texts/texts.ts";

applyLanguage();
document.title = `${text("errors.missingTitle")} · ${text("common.brand")}`;
render(
  <PageShell page="other" viewer={null}>
    <EmptyState
      isPage
      icon="search"
      title={text("errors.missingTitle")}
      actions={<ButtonLink href="/">{text("errors.toCourses")}</ButtonLink>}
    >
      {text("errors.missingText")}
    </EmptyState>
  </PageShell>,
  document.body,
);
