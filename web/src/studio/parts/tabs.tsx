// Views of one thing beside each other, with the keys that tabs have (ARIA authoring practices).

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface TabsProps<Name extends string> {
  label: string;
  names: readonly Name[];
  current: Name;
  titleOf: (name: Name) => string;
  choose: (name: Name) => void;
  children: ComponentChildren;
}

export function Tabs<Name extends string>(props: TabsProps<Name>) {
  const { names, current, choose } = props;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const shown = list.current?.querySelector("[aria-selected=true]");
    if (list.current && shown) scrollAlong(list.current, shown);
  }, [current]);
  const press = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    const step = stepOf(event);
    if (!step) return;
    event.preventDefault();
    const next = (names.indexOf(current) + step + names.length) % names.length;
    choose(names[next] as Name);
    event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]")[next]?.focus();
  };
  return (
    <>
      <div ref={list} class="tabs" role="tablist" aria-label={props.label} onKeyDown={press}>
        {names.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === current}
            aria-controls={name === current ? "tab-panel" : undefined}
            tabIndex={name === current ? 0 : -1}
            onClick={() => choose(name)}
          >
            {props.titleOf(name)}
          </button>
        ))}
      </div>
      <div class="tab-panel" id="tab-panel" role="tabpanel" aria-labelledby={`tab-${current}`}>
        {props.children}
      </div>
    </>
  );
}

/** Brings a part of a strip in sight, and leaves the page where it is. */
function scrollAlong(strip: Element, part: Element) {
  const [frame, wanted] = [strip.getBoundingClientRect(), part.getBoundingClientRect()];
  strip.scrollLeft +=
    Math.min(0, wanted.left - frame.left) + Math.max(0, wanted.right - frame.right);
}

function stepOf({ key }: KeyboardEvent): number {
  const forward = document.documentElement.dir === "rtl" ? -1 : 1;
  return key === "ArrowRight" ? forward : key === "ArrowLeft" ? -forward : 0;
}
