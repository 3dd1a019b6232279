// The closing of what a button has opened over the page.

import { useEffect } from "preact/hooks";

/** Close on Escape, on a press elsewhere, and when the focus goes elsewhere. */
export function useClosing(
  isOpen: boolean,
  place: { current: HTMLElement | null },
  close: (isByKey: boolean) => void,
) {
  useEffect(() => {
    if (!isOpen) return;
    const listening = new AbortController();
    const { signal } = listening;
    const leave = ({ target }: Event) => {
      if (target instanceof Node && !place.current?.contains(target)) close(false);
    };
    addEventListener("pointerdown", leave, { signal });
    addEventListener("focusin", leave, { signal });
    addEventListener("keydown", ({ key }) => key === "Escape" && close(true), { signal });
    return () => listening.abort();
  }, [isOpen]);
}
