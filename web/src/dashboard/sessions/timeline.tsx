// What happened in a session: what its player said beside what the server saw.

import { Chip } from "../../design/chip.tsx";
import { text, timeOfDay } from "../../texts/texts.ts";
import type { Moment } from "../service/sessions.ts";
import { sayMoment, toneOf } from "./words.ts";

export function Timeline({ moments }: { moments: readonly Moment[] }) {
  return (
    <section aria-labelledby="timeline-title">
      <h2 id="timeline-title">{text("dashboard.sessions.timeline")}</h2>
      {moments.length ? (
        <Rows moments={moments} />
      ) : (
        <p class="quiet">{text("dashboard.sessions.noMoments")}</p>
      )}
    </section>
  );
}

function Rows({ moments }: { moments: readonly Moment[] }) {
  return (
    <div class="table-frame card">
      <table class="table timeline-table">
        <thead>
          <tr>
            <th scope="col">{text("dashboard.sessions.time")}</th>
            <th scope="col">{text("dashboard.sessions.saidBy")}</th>
            <th scope="col">{text("dashboard.problems.what")}</th>
          </tr>
        </thead>
        <tbody>
          {moments.map((moment, place) => (
            <tr key={place}>
              <th scope="row" class="number">
                {timeOfDay(Date.parse(moment.at))}
              </th>
              <td>
                <Chip kind={toneOf(moment)}>
                  {text(
                    isOfServer(moment) ? "dashboard.sessions.server" : "dashboard.sessions.player",
                  )}
                </Chip>
              </td>
              <td>{sayMoment(moment)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function isOfServer({ kind }: Moment): boolean {
  return kind === "served" || kind === "refused";
}
