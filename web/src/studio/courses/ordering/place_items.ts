// The actions of a menu that move a thing in its list by one place.

import { text } from "../../../texts/texts.ts";
import type { MenuItem } from "../../parts/menu.tsx";

export function placeItems(place: number, count: number, move: (to: number) => void): MenuItem[] {
  return [
    {
      label: text("studio.moveUp"),
      icon: "up",
      run: () => move(place - 1),
      isDisabled: place === 0,
    },
    {
      label: text("studio.moveDown"),
      icon: "down",
      run: () => move(place + 1),
      isDisabled: place === count - 1,
    },
  ];
}
