// A short word about the state of a thing.

import type { ComponentChildren } from "preact";
import { Icon, type IconName } from "./icons.tsx";

export type ChipKind = "plain" | "accent" | "ready" | "waiting" | "failed";

interface ChipProps {
  kind?: ChipKind;
  icon?: IconName;
  children: ComponentChildren;
}

export function Chip({ kind = "plain", icon, children }: ChipProps) {
  return (
    <span class={kind === "plain" ? "chip" : `chip chip--${kind}`}>
      {icon && <Icon name={icon} />}
      {children}
    </span>
  );
}
