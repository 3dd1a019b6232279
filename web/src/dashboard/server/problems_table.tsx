// What went wrong and is still so, with the way to each thing.

import { sentenceOf } from "../../courses/failure.ts";
import { EmptyState } from "../../design/states.tsx";
import { dateTime, text } from "../../texts/texts.ts";
import type { Problem } from "../service/figures.ts";

interface ProblemsTableProps {
  problems: readonly Problem[];
  damagedFiles: number;
}

export function ProblemsTable({ problems, damagedFiles }: ProblemsTableProps) {
  return (
    <section aria-labelledby="problems-title">
      <h2 id="problems-title">{text("dashboard.problems.title")}</h2>
      {damagedFiles > 0 && (
        <p class="notice">{text("dashboard.problems.damaged", { count: damagedFiles })}</p>
      )}
      {problems.length ? (
        <Rows problems={problems} />
      ) : (
        damagedFiles === 0 && <EmptyState icon="check" title={text("dashboard.problems.none")} />
      )}
    </section>
  );
}

function Rows({ problems }: { problems: readonly Problem[] }) {
  return (
    <div class="table-frame card">
      <table class="table problems">
        <thead>
          <tr>
            <th scope="col">{text("dashboard.problems.what")}</th>
            <th scope="col">{text("dashboard.problems.reason")}</th>
            <th scope="col" class="wide-only">
              {text("dashboard.problems.since")}
            </th>
          </tr>
        </thead>
        <tbody>
          {problems.map((problem) => (
            <tr key={`${problem.kind} ${problem.subject_id}`}>
              <th scope="row">
                <Subject problem={problem} />
                <span class="quiet problems__kind">
                  {text(`dashboard.problems.kinds.${problem.kind}`, { count: problem.count })}
                </span>
              </th>
              <td>
                <Reason problem={problem} />
              </td>
              <td class="wide-only quiet">{problem.at ? dateTime(problem.at) : "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** In the language of the page, and what the server itself says of it. */
function Reason({ problem: { code, detail } }: { problem: Problem }) {
  const sentence = code && sentenceOf(code);
  if (!sentence) return <>{detail ?? code}</>;
  return (
    <>
      {sentence}
      {detail && (
        <span class="quiet problems__kind" lang="en">
          {detail}
        </span>
      )}
    </>
  );
}

function Subject({ problem: { kind, subject_id: id, title } }: { problem: Problem }) {
  if (kind === "webhook") return <>{id}</>;
  return (
    <a href={`/studio/videos/${encodeURIComponent(id)}?view=file`}>
      <bdi>{title ?? id}</bdi>
    </a>
  );
}
