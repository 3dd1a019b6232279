// Long lists a page at a time: what is drawn stays small, and keys and screen readers reach all.

import { useState } from "preact/hooks";
import { text } from "../texts/texts.ts";
import { Button } from "./button.tsx";
import { Icon } from "./icons.tsx";

export const ROWS_A_PAGE = 50;

export interface Paged<T> {
  shown: readonly T[];
  first: number;
  total: number;
  turn: (first: number) => void;
}

/** The rows of the current page; a list that has become shorter shows its last page. */
export function usePages<T>(rows: readonly T[], size = ROWS_A_PAGE): Paged<T> {
  const [wanted, turn] = useState(0);
  const last = Math.max(0, Math.floor((rows.length - 1) / size) * size);
  const first = Math.min(wanted, last);
  return { shown: rows.slice(first, first + size), first, total: rows.length, turn };
}

export function Pager<T>({ pages, size = ROWS_A_PAGE }: { pages: Paged<T>; size?: number }) {
  const { shown, first, total, turn } = pages;
  if (total <= size) return null;
  return (
    <div class="pager">
      <Button
        kind="icon"
        label={text("studio.pager.previous")}
        disabled={first === 0}
        onClick={() => turn(first - size)}
      >
        <Icon name="back" />
      </Button>
      <span class="quiet number" aria-live="polite">
        {text("studio.pager.place", { from: first + 1, to: first + shown.length, all: total })}
      </span>
      <Button
        kind="icon"
        label={text("studio.pager.next")}
        disabled={first + size >= total}
        onClick={() => turn(first + size)}
      >
        <Icon name="arrow" />
      </Button>
    </div>
  );
}
