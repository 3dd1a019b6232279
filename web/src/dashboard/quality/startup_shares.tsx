// How soon sessions started: the share of those that took each time at most.

import { Share } from "../../design/share.tsx";
import { number, percent, text } from "../../texts/texts.ts";
import type { QualityRow } from "../service/figures.ts";

const BOUNDS = [
  [0.5, "startups_within_500_ms"],
  [1, "startups_within_1_s"],
  [2, "startups_within_2_s"],
  [4, "startups_within_4_s"],
  [8, "startups_within_8_s"],
] as const;

export function StartupShares({ all }: { all: QualityRow }) {
  const { startups } = all;
  if (!startups) return null;
  return (
    <section class="card startup-shares" aria-labelledby="startup-shares-title">
      <h3 id="startup-shares-title">{text("dashboard.quality.soon")}</h3>
      <dl>
        {BOUNDS.map(([bound, figure]) => {
          const within = text("dashboard.quality.within", { seconds: number(bound, 1) });
          const ratio = (all[figure] ?? 0) / startups;
          return (
            <div key={figure}>
              <dt>{within}</dt>
              <dd>
                <Share ratio={ratio} label={`${within}: ${percent(ratio)}`} />
              </dd>
            </div>
          );
        })}
      </dl>
    </section>
  );
}
