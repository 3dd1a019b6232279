// Buttons, and links that look like one.

import type { ComponentChildren } from "preact";

export type ButtonKind = "plain" | "quiet" | "danger" | "icon";

interface Look {
  kind?: ButtonKind;
  children: ComponentChildren;
  /** The name of a button that shows a picture alone. */
  label?: string | undefined;
}

interface ButtonProps extends Look {
  onClick?: ((event: MouseEvent) => void) | undefined;
  type?: "button" | "submit";
  disabled?: boolean;
}

export function Button({ kind, children, label, onClick, type, disabled }: ButtonProps) {
  return (
    <button
      type={type ?? "button"}
      class={classOf(kind)}
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

interface ButtonLinkProps extends Look {
  href: string;
  /** What the link leads to is saved, under the name that the server gives it. */
  isDownload?: boolean;
}

export function ButtonLink({ kind, children, label, href, isDownload }: ButtonLinkProps) {
  return (
    <a class={classOf(kind)} aria-label={label} href={href} download={isDownload}>
      {children}
    </a>
  );
}

function classOf(kind: ButtonKind = "plain"): string {
  return kind === "plain" ? "button" : `button button--${kind}`;
}
