// Cues as a teacher edits them: from WebVTT to rows with typed times and plain text, and back. Pure.

import { parseWebVtt } from "../../element/webvtt.ts";
import { formatTime, parseTime, vttTime } from "./times.ts";

/** A row of the editor; the times are what was typed. */
export interface Row {
  id: number;
  start: string;
  end: string;
  text: string;
}

export type RowFault = "start" | "end" | "before-start" | "past-the-end" | "no-text";

export interface TimedRow extends Row {
  startS: number;
  endS: number;
}

const LENGTH_S = 3; // of a new cue
const PAST_END_S = 1; // what the film's own figure may be wrong by
const TAG = /^<\/?(?:b|i|u|c|v|lang|ruby|rt)(?=[\s.>])/;

let rows = 0;

export function newRow(startS: number, endS: number, text = ""): Row {
  rows += 1;
  return { id: rows, start: formatTime(startS), end: formatTime(endS), text };
}

export function readTrack(vtt: string): Row[] {
  return parseWebVtt(vtt).map(({ startS, endS, text }) => newRow(startS, endS, shownText(text)));
}

/** The rows with the ids that equal ones had before, so that the focus stays where it is. */
export function withIdsOf(before: readonly Row[], rows: readonly Row[]): Row[] {
  const known = new Map<string, number[]>();
  for (const row of [...before].reverse())
    known.set(contentOf(row), [...(known.get(contentOf(row)) ?? []), row.id]);
  return rows.map((row) => ({ ...row, id: known.get(contentOf(row))?.pop() ?? row.id }));
}

function contentOf({ start, text }: Row): string {
  return `${parseTime(start)} ${text.trim()}`;
}

/** A new cue at a second, no longer than until the next one begins. */
export function rowAt(startS: number, others: readonly Row[], durationS: number | null): Row {
  const starts = others.map(({ start }) => parseTime(start) ?? 0).filter((s) => s > startS);
  const endS = Math.min(startS + LENGTH_S, ...starts, durationS || Number.POSITIVE_INFINITY);
  return newRow(startS, endS > startS ? endS : startS + LENGTH_S);
}

export function faultOf(row: Row, durationS: number | null, isChapter = false): RowFault | null {
  const startS = parseTime(row.start);
  const endS = isChapter ? Number.POSITIVE_INFINITY : parseTime(row.end);
  if (startS === null) return "start";
  if (endS === null) return "end";
  if (endS <= startS) return "before-start";
  if (durationS !== null && startS >= durationS + PAST_END_S) return "past-the-end";
  return row.text.trim() ? null : "no-text";
}

/** The rows in the order of their start; those whose start cannot be read stay at the end. */
export function sortedRows(all: readonly Row[]): Row[] {
  const startOf = ({ start }: Row) => parseTime(start) ?? Number.POSITIVE_INFINITY;
  return [...all].sort((a, b) => startOf(a) - startOf(b));
}

/** WebVTT of rows without fault. */
export function buildTrack(all: readonly Row[]): string {
  const blocks = sortedRows(all).map(({ start, end, text }) =>
    block(parseTime(start) ?? 0, parseTime(end) ?? 0, text),
  );
  return ["WEBVTT", ...blocks].join("\n\n").concat("\n");
}

/** WebVTT of chapters, each lasting until the next begins. */
export function buildChapters(all: readonly Row[], durationS: number | null): string {
  const starts = sortedRows(all).map((row) => ({ ...row, startS: parseTime(row.start) ?? 0 }));
  const blocks = starts.map(({ startS, text }, i) => {
    const next = starts[i + 1]?.startS ?? Math.max(durationS ?? 0, startS + 1);
    return block(startS, Math.max(next, startS + 0.001), text.replaceAll("\n", " "));
  });
  return ["WEBVTT", ...blocks].join("\n\n").concat("\n");
}

function block(startS: number, endS: number, text: string): string {
  return `${vttTime(startS)} --> ${vttTime(endS)}\n${keptText(text)}`;
}

/** A cue's text as a person writes it: `&amp;` is &, tags that captions may have stay. */
export function shownText(text: string): string {
  return text
    .trim()
    .replaceAll("&gt;", ">")
    .replaceAll("&lt;", (escaped, at: number, whole: string) =>
      isTag(`<${whole.slice(at + escaped.length)}`) ? escaped : "<",
    )
    .replaceAll("&nbsp;", "\u00a0")
    .replaceAll("&amp;", "&");
}

/** And back: what is neither a tag nor an entity is text. */
export function keptText(text: string): string {
  const lines = text.replaceAll(/\n\s*\n/g, "\n").trim();
  return lines
    .replaceAll(/&(?!lt;)/g, "&amp;")
    .replaceAll(/</g, (_, at: number, whole: string) => (isTag(whole.slice(at)) ? "<" : "&lt;"))
    .replaceAll("-->", "--&gt;");
}

function isTag(text: string): boolean {
  return TAG.test(text);
}
