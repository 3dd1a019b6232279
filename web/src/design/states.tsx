// What stands in the place of content: that there is none, or that it could not be had.

import type { ComponentChildren } from "preact";
import { text } from "../texts/texts.ts";
import { Button } from "./button.tsx";
import { Icon, type IconName } from "./icons.tsx";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  children?: ComponentChildren;
  /** A way on: buttons or links. */
  actions?: ComponentChildren;
  isPage?: boolean;
}

export function EmptyState(props: EmptyStateProps) {
  return <State {...props} kind="state" />;
}

interface ErrorStateProps {
  title: string;
  children?: ComponentChildren;
  onRetry?: () => void;
  isPage?: boolean;
}

export function ErrorState({ onRetry, ...shown }: ErrorStateProps) {
  const actions = onRetry && <Button onClick={onRetry}>{text("common.tryAgain")}</Button>;
  return <State {...shown} icon="alert" kind="state state--error" actions={actions} isAlert />;
}

type StateProps = EmptyStateProps & { kind: string; isAlert?: boolean };

function State({ kind, icon, title, children, actions, isPage, isAlert }: StateProps) {
  const Heading = isPage ? "h1" : "h2";
  return (
    <div class={kind} role={isAlert ? "alert" : undefined}>
      <span class="state__icon">
        <Icon name={icon} />
      </span>
      <Heading>{title}</Heading>
      {children && <div class="quiet">{children}</div>}
      {actions && <div class="state__actions">{actions}</div>}
    </div>
  );
}
