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

export function ButtonLink({ kind, children, label, href }: Look & { href: string }) {
  return (
    <a class={classOf(kind)} aria-label={label} href={href}>
      {children}
    </a>
  );
}

function classOf(kind: ButtonKind = "plain"): string {
  return kind === "plain" ? "button" : `button button--${kind}`;
}
