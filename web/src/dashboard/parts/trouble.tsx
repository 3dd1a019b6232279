// What stands in the place of figures: that they load, are not for this viewer, or not to be had.

import type { ComponentChildren } from "preact";
import { ButtonLink } from "../../design/button.tsx";
import { Chip } from "../../design/chip.tsx";
import { EmptyState, ErrorState } from "../../design/states.tsx";
import { FailureText } from "../../pages/failure.tsx";
import { ApiError } from "../../service/client.ts";
import { text } from "../../texts/texts.ts";
import type { Fresh } from "./use_fresh.ts";

/** The page without an answer yet. */
export function Unanswered({ error, reload }: Fresh<unknown>) {
  if (!error) return <Waiting />;
  const status = error instanceof ApiError ? error.status : 0;
  if (status === 403) return <Refused kind="course" />;
  if (status === 404) return <Missing />;
  return (
    <ErrorState title={text("dashboard.notLoaded")} onRetry={reload} isPage>
      <FailureText error={error} />
    </ErrorState>
  );
}

interface PartProps<T> {
  fresh: Fresh<T>;
  children: (value: T) => ComponentChildren;
}

/** A part of a page with an answer of its own. */
export function Part<T>({ fresh: { value, error, reload }, children }: PartProps<T>) {
  if (value !== undefined) return <>{children(value)}</>;
  if (!error) return <div class="skeleton tile__skeleton" aria-busy="true" />;
  return (
    <ErrorState title={text("dashboard.notLoaded")} onRetry={reload}>
      <FailureText error={error} />
    </ErrorState>
  );
}

export function Refused({ kind }: { kind: "dashboard" | "course" | "server" }) {
  return (
    <EmptyState
      icon="door"
      isPage
      title={text(`dashboard.refused.${kind}.title`)}
      actions={<ButtonLink href="/">{text("dashboard.toHome")}</ButtonLink>}
    >
      {text(`dashboard.refused.${kind}.explanation`)}
    </EmptyState>
  );
}

export function Missing() {
  return (
    <EmptyState
      icon="search"
      isPage
      title={text("dashboard.missing")}
      actions={<ButtonLink href="/dashboard">{text("dashboard.toDashboard")}</ButtonLink>}
    >
      {text("dashboard.missingText")}
    </EmptyState>
  );
}

/** Says whether figures follow what happens. */
export function Freshness({ error }: { error: unknown }) {
  if (!error) return <Chip kind="ready">{text("dashboard.live")}</Chip>;
  return (
    <Chip kind="waiting" icon="alert">
      {text("dashboard.stale")}
    </Chip>
  );
}

function Waiting() {
  return (
    <div aria-busy="true">
      <p class="visually-hidden">{text("common.loading")}</p>
      <div class="tiles-frame">
        <div class="tiles">
          {[1, 2, 3, 4, 5, 6].map((number) => (
            <div key={number} class="skeleton tile__skeleton" />
          ))}
        </div>
      </div>
      <div class="skeleton chart__skeleton" />
    </div>
  );
}
