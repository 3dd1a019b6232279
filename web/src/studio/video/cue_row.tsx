// One line of captions or chapters: times, text, and what is wrong with them.

import { useComputed } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "../../design/button.tsx";
import { Icon } from "../../design/icons.tsx";
import { text } from "../../texts/texts.ts";
import type { Row, RowFault } from "./cues.ts";
import type { Preview } from "./preview.ts";
import { formatTime, parseTime } from "./times.ts";

const FAULTS = {
  start: "start",
  end: "end",
  "before-start": "beforeStart",
  "past-the-end": "pastTheEnd",
  "no-text": "noText",
} as const;

interface CueRowProps {
  row: Row;
  number: number;
  fault: RowFault | null;
  isChapter: boolean;
  isFocused: boolean;
  preview: Preview;
  change: (row: Row) => void;
  remove: () => void;
}

export function CueRow(props: CueRowProps) {
  const { row, number, fault, isChapter, preview, change, remove } = props;
  const id = useId();
  const place = useRef<HTMLLIElement>(null);
  const startS = parseTime(row.start) ?? 0;
  const endS = isChapter ? Number.POSITIVE_INFINITY : (parseTime(row.end) ?? startS);
  const span = useRef({ startS, endS });
  span.current = { startS, endS };
  const isNow = useComputed(() => isWithin(preview.time.value, span.current)).value;
  useEffect(() => {
    if (props.isFocused) place.current?.querySelector("textarea")?.focus();
  }, [props.isFocused]);
  return (
    <li ref={place} class={classOf(fault, isNow && !isChapter)}>
      <div class="cue__times">
        <TimeInput
          label={text("studio.video.startOf", { number })}
          value={row.start}
          fault={fault === "start" || fault === "past-the-end" ? id : undefined}
          change={(start) => change({ ...row, start })}
        />
        {!isChapter && (
          <TimeInput
            label={text("studio.video.endOf", { number })}
            value={row.end}
            fault={fault === "end" || fault === "before-start" ? id : undefined}
            change={(end) => change({ ...row, end })}
          />
        )}
      </div>
      <textarea
        dir="auto"
        rows={isChapter ? 1 : 2}
        value={row.text}
        aria-label={text("studio.video.textOf", { number })}
        aria-invalid={fault === "no-text" || undefined}
        aria-describedby={fault ? id : undefined}
        onInput={({ currentTarget }) => change({ ...row, text: currentTarget.value })}
      />
      <div class="cue__actions">
        <Button
          kind="icon"
          label={text("studio.video.playCue", { number })}
          onClick={() => preview.play(startS, endS)}
        >
          <Icon name="play" />
        </Button>
        <Button
          kind="icon"
          label={text("studio.video.startNow", { number })}
          onClick={() => change({ ...row, start: formatTime(preview.time.value) })}
        >
          <Icon name="clock" />
        </Button>
        <Button kind="icon" label={text("studio.video.deleteCue", { number })} onClick={remove}>
          <Icon name="trash" />
        </Button>
      </div>
      {fault && (
        <p class="fault" id={id}>
          {text(`studio.video.cueFaults.${FAULTS[fault]}`)}
        </p>
      )}
    </li>
  );
}

interface TimeInputProps {
  label: string;
  value: string;
  /** The id of the sentence that says what is wrong. */
  fault: string | undefined;
  change: (value: string) => void;
}

function TimeInput({ label, value, fault, change }: TimeInputProps) {
  return (
    <input
      class="number"
      type="text"
      inputMode="decimal"
      aria-label={label}
      aria-invalid={fault !== undefined || undefined}
      aria-describedby={fault}
      value={value}
      onInput={({ currentTarget }) => change(currentTarget.value)}
    />
  );
}

function isWithin(time: number, { startS, endS }: { startS: number; endS: number }): boolean {
  return startS <= time && time < endS;
}

function classOf(fault: RowFault | null, isNow: boolean): string {
  return ["cue", fault && "cue--faulty", isNow && "cue--now"].filter(Boolean).join(" ");
}
