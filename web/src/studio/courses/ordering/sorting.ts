// Dragging the things of a list by their handles.

import { useEffect, useRef } from "preact/hooks";
import Sortable from "sortablejs";

/** For the list element. `move` is called with places; the element itself is where it was. */
export function useSorting<List extends HTMLElement>(
  handle: string,
  draggable: string,
  move: (from: number, to: number) => void,
) {
  const list = useRef<List>(null);
  const current = useRef(move);
  current.current = move;
  useEffect(() => {
    if (!list.current) return;
    const sortable = Sortable.create(list.current, {
      handle,
      draggable,
      animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 150,
      onEnd({ item, from, oldIndex, newIndex }) {
        if (oldIndex === undefined || newIndex === undefined) return;
        // Sortable has moved the element; the model will.
        const others = [...from.children].filter((child) => child !== item);
        from.insertBefore(item, others[oldIndex] ?? null);
        current.current(oldIndex, newIndex);
      },
    });
    return () => sortable.destroy();
  }, []);
  return list;
}
