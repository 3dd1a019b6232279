// Further actions on a thing, behind three dots.

import { useEffect, useRef, useState } from "preact/hooks";
import { Icon, type IconName } from "../../design/icons.tsx";
import { useClosing } from "../../design/overlays/closing.ts";

export interface MenuItem {
  label: string;
  icon: IconName;
  run: () => void;
  isDangerous?: boolean;
  isDisabled?: boolean;
}

export function Menu({ label, items }: { label: string; items: readonly MenuItem[] }) {
  const [isOpen, setOpen] = useState(false);
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const close = (isByKey: boolean) => {
    setOpen(false);
    if (isByKey) button.current?.focus();
  };
  useClosing(isOpen, place, close);
  useEffect(() => {
    place.current?.querySelector("[role=menu]")?.scrollIntoView({ block: "nearest" });
    place.current?.querySelector<HTMLElement>("[role=menuitem]:not(:disabled)")?.focus();
  }, [isOpen]);
  return (
    <div class="menu" ref={place}>
      <button
        ref={button}
        type="button"
        class="button button--icon"
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="more" />
      </button>
      {isOpen && (
        <div class="menu__items" role="menu" onKeyDown={(event) => move(event, close)}>
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              tabIndex={-1}
              class={item.isDangerous ? "menu__item menu__item--danger" : "menu__item"}
              disabled={item.isDisabled}
              onClick={() => {
                close(true);
                item.run();
              }}
            >
              <Icon name={item.icon} />
              {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function move(
  event: KeyboardEvent & { currentTarget: HTMLElement },
  close: (isByKey: boolean) => void,
) {
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>("button:not(:disabled)")];
  const at = items.indexOf(document.activeElement as HTMLElement);
  const places: Record<string, number> = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: (at - 1 + items.length) % items.length,
    Home: 0,
    End: items.length - 1,
  };
  if (event.key === "Tab") return close(true);
  const next = places[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items[next]?.focus();
}
