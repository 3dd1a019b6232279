// The handle by which a thing is dragged to another place in its list, or moved by the arrow keys.

import { Icon } from "../../../design/icons.tsx";
import { text } from "../../../texts/texts.ts";

interface GripProps {
  /** The name of the thing. */
  name: string;
  /** By which the list finds its own handles. */
  class: string;
  place: number;
  move: (to: number) => void;
}

export function Grip({ name, class: className, place, move }: GripProps) {
  const press = (event: KeyboardEvent) => {
    const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    if (!step) return;
    event.preventDefault();
    const grip = event.currentTarget as HTMLElement;
    move(place + step);
    setTimeout(() => grip.focus()); // the same element, by then at its new place
  };
  const label = text("studio.move", { name });
  return (
    <button
      type="button"
      class={`button button--icon grip ${className}`}
      aria-label={label}
      title={label}
      onKeyDown={press}
    >
      <Icon name="grip" />
    </button>
  );
}
