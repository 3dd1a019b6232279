// A modal question or form. The browser keeps the focus in it and gives it back; Escape closes it.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { Button } from "../button.tsx";
import { Icon } from "../icons.tsx";

interface DialogProps {
  title: string;
  children: ComponentChildren;
  /** Buttons at its end, the one that goes ahead last. */
  actions?: ComponentChildren;
  isWide?: boolean;
  /** Called once, however it was closed; whoever draws it takes it away then. */
  onClose: () => void;
}

export function Dialog({ title, children, actions, isWide, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      class={isWide ? "dialog dialog--wide" : "dialog"}
      aria-labelledby={heading}
      onClose={onClose}
    >
      <header>
        <h2 id={heading}>
          <bdi>{title}</bdi>
        </h2>
        <Button kind="icon" label={text("common.close")} onClick={() => dialog.current?.close()}>
          <Icon name="close" />
        </Button>
      </header>
      <div class="dialog__body">{children}</div>
      {actions && <div class="dialog__actions">{actions}</div>}
    </dialog>
  );
}
