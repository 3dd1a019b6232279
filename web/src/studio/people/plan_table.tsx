// What each line of a pasted list would do; the lines at fault first.

import { Chip } from "../../design/chip.tsx";
import { Pager, usePages } from "../../design/pager.tsx";
import { text } from "../../texts/texts.ts";
import type { Effect, Fault, PlannedEntry } from "./roster.ts";

const ROWS = 20;
const FAULTS = {
  "not-an-identifier": "notAnIdentifier",
  "unknown-role": "unknownRole",
  twice: "twice",
  "instructors-by-admins": "instructorsByAdmins",
} as const;

export function PlanTable({ plan }: { plan: readonly PlannedEntry[] }) {
  const sorted = [...plan].sort((a, b) => Number(!a.fault) - Number(!b.fault) || a.line - b.line);
  const pages = usePages(sorted, ROWS);
  const count = (effect: Effect) =>
    plan.filter((entry) => !entry.fault && entry.effect === effect).length;
  return (
    <>
      <p role="status">
        {text("studio.people.summary", {
          enrol: count("enrol"),
          change: count("change"),
          same: count("same"),
          faults: plan.filter(({ fault }) => fault).length,
        })}
      </p>
      <div class="table-frame">
        <table class="table plan">
          <thead>
            <tr>
              <th scope="col">{text("studio.people.line")}</th>
              <th scope="col">{text("studio.people.user")}</th>
              <th scope="col" class="wide-only">
                {text("studio.people.role")}
              </th>
              <th scope="col">{text("studio.people.what")}</th>
            </tr>
          </thead>
          <tbody>
            {pages.shown.map((entry) => (
              <PlanRow key={entry.line} entry={entry} />
            ))}
          </tbody>
        </table>
      </div>
      <Pager pages={pages} size={ROWS} />
    </>
  );
}

function PlanRow({ entry: { line, userId, role, effect, fault, words } }: { entry: PlannedEntry }) {
  return (
    <tr>
      <td>{line}</td>
      <td class="people__name">{userId}</td>
      <td class="wide-only">{fault ? "" : text(`studio.people.roles.${role}`)}</td>
      <td>
        {fault ? (
          <span class="fault">{faultInWords(fault, words)}</span>
        ) : (
          <Chip kind={effect === "same" ? "plain" : "accent"}>
            {text(`studio.people.effects.${effect}`)}
          </Chip>
        )}
      </td>
    </tr>
  );
}

function faultInWords(fault: Fault, words: string): string {
  if (fault === "unknown-role") return text("studio.people.faults.unknownRole", { words });
  return text(`studio.people.faults.${FAULTS[fault]}`);
}
