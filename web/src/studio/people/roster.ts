// A pasted list of people: one a line, as `user` or `user, role`, separated by commas, semicolons or
// tabs as spreadsheets do, with or without a heading. Pure.

import type { Enrollment, Role } from "../service/answers.ts";
import { isIdentifier } from "../service/identifiers.ts";

export const MOST_LINES = 5_000;

export type Fault = "not-an-identifier" | "unknown-role" | "twice" | "instructors-by-admins";

export interface Entry {
  line: number;
  userId: string;
  role: Role;
  /** The words at fault; empty where the line is well. */
  fault: Fault | null;
  words: string;
}

export type Effect = "enrol" | "change" | "same";

export interface PlannedEntry extends Entry {
  effect: Effect;
}

const ROLES: Record<string, Role> = {
  student: "student",
  students: "student",
  learner: "student",
  studierende: "student",
  teilnehmer: "student",
  instructor: "instructor",
  teacher: "instructor",
  lecturer: "instructor",
  lehrkraft: "instructor",
  dozent: "instructor",
  dozentin: "instructor",
};
const USER_HEADINGS = ["user", "user_id", "userid", "username", "id", "login", "kennung"];
const ROLE_HEADINGS = ["role", "rolle"];
const FIELD = /\s*(?:"((?:[^"]|"")*)"|([^,;\t]*))\s*(?:[,;\t]|$)/y;

interface Columns {
  user: number;
  role: number | null;
}

/** The entries of a list; `role` is for lines that name none. */
export function parseRoster(text: string, role: Role, mayEnrolInstructors: boolean): Entry[] {
  const rows = text
    .split(/\r\n?|\n/)
    .map((line, i) => ({ line: i + 1, fields: fieldsOf(line) }))
    .filter(({ fields }) => fields.some(Boolean))
    .slice(0, MOST_LINES);
  const columns = headingOf(rows[0]?.fields ?? []);
  const entries = (columns ? rows.slice(1) : rows).map(({ line, fields }) =>
    entryOf(line, fields, columns, role),
  );
  return withoutDoubles(entries.map((entry) => checked(entry, mayEnrolInstructors)));
}

/** What each good line would do to those who are enrolled now. */
export function planned(
  entries: readonly Entry[],
  enrolled: readonly Enrollment[],
): PlannedEntry[] {
  const roles = new Map(enrolled.map(({ user_id: id, role }) => [id, role]));
  return entries.map((entry) => {
    const now = roles.get(entry.userId);
    const effect = !now ? "enrol" : now === entry.role ? "same" : "change";
    return { ...entry, effect };
  });
}

function fieldsOf(line: string): string[] {
  const fields: string[] = [];
  FIELD.lastIndex = 0;
  while (FIELD.lastIndex < line.length) {
    const match = FIELD.exec(line);
    if (!match) return [line.trim()];
    fields.push((match[1]?.replaceAll('""', '"') ?? match[2] ?? "").trim());
  }
  return fields;
}

function headingOf(fields: string[]): Columns | null {
  const words = fields.map((field) => field.toLowerCase());
  const user = words.findIndex((word) => USER_HEADINGS.includes(word));
  const role = words.findIndex((word) => ROLE_HEADINGS.includes(word));
  if (user < 0 && role < 0) return null;
  return { user: Math.max(0, user), role: role < 0 ? null : role };
}

function entryOf(line: number, fields: string[], columns: Columns | null, role: Role): Entry {
  const userId = fields[columns?.user ?? 0] ?? "";
  const words = columns ? fields[columns.role ?? -1] : roleAmong(fields.slice(1));
  const named = words ? ROLES[words.toLowerCase()] : role;
  const entry = { line, userId, role: named ?? role, words: words ?? "" };
  return { ...entry, fault: named ? null : "unknown-role" };
}

/** Of a list without a heading: the field that is a role, or the only other one. */
function roleAmong(fields: string[]): string | undefined {
  const known = fields.find((field) => field.toLowerCase() in ROLES);
  return known ?? (fields.length === 1 ? fields[0] : undefined);
}

function checked(entry: Entry, mayEnrolInstructors: boolean): Entry {
  if (!isIdentifier(entry.userId))
    return { ...entry, fault: "not-an-identifier", words: entry.userId };
  if (!entry.fault && entry.role === "instructor" && !mayEnrolInstructors)
    return { ...entry, fault: "instructors-by-admins" };
  return entry;
}

function withoutDoubles(entries: Entry[]): Entry[] {
  const seen = new Set<string>();
  return entries.map((entry) => {
    const isDouble = !entry.fault && seen.has(entry.userId);
    seen.add(entry.userId);
    return isDouble ? { ...entry, fault: "twice", words: entry.userId } : entry;
  });
}
