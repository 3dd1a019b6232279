// Short messages above the page, spoken by screen readers, that go by themselves. An action (undo)
// stays reachable: a toast waits while it holds the pointer or the focus.

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { text } from "../../texts/texts.ts";
import { Button } from "../button.tsx";
import { Icon } from "../icons.tsx";

const SHOWN_MS = 8_000;
const MAX_SHOWN = 4;

export interface Toast {
  message: string;
  tone?: "plain" | "bad";
  action?: { label: string; run: () => void };
  /** How long it stays; `Infinity` until it is closed. */
  forMs?: number;
}

type Shown = Toast & { id: number };

const shown = signal<readonly Shown[]>([]);
let lastId = 0;

/** Show a message; returns what takes it away again. The oldest goes when there are too many. */
export function showToast(toast: Toast): () => void {
  lastId += 1;
  const id = lastId;
  shown.value = [...shown.value, { ...toast, id }].slice(-MAX_SHOWN);
  return () => dismiss(id);
}

function dismiss(id: number) {
  shown.value = shown.value.filter((one) => one.id !== id);
}

/** Where they appear; once a page. */
export function Toasts() {
  return (
    <div class="toasts" aria-live="polite">
      {shown.value.map((toast) => (
        <ToastView key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

function ToastView({ toast }: { toast: Shown }) {
  const [isHeld, setHeld] = useState(false);
  const { id, message, tone, action, forMs = SHOWN_MS } = toast;
  useEffect(() => {
    if (isHeld || forMs === Number.POSITIVE_INFINITY) return;
    const timer = setTimeout(() => dismiss(id), forMs);
    return () => clearTimeout(timer);
  }, [id, forMs, isHeld]);
  const act = () => {
    dismiss(id);
    action?.run();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: holding it is no action
    <div
      class={tone === "bad" ? "toast toast--bad" : "toast"}
      role={tone === "bad" ? "alert" : undefined}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <p>{message}</p>
      {action && (
        <Button kind="quiet" onClick={act}>
          {action.label}
        </Button>
      )}
      <Button kind="icon" label={text("common.close")} onClick={() => dismiss(id)}>
        <Icon name="close" />
      </Button>
    </div>
  );
}
