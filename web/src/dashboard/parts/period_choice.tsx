// The period of the figures, kept in the address so that a link shows the same.

import { useState } from "preact/hooks";
import { Choice } from "../../design/choice.tsx";
import { text } from "../../texts/texts.ts";
import { firstDay, PERIODS, type Period } from "../charts/days.ts";

export function usePeriod() {
  const [period, setPeriod] = useState<Period>(periodOf(location.search));
  const choose = (next: Period) => {
    history.replaceState(null, "", `?period=${next}`);
    setPeriod(next);
  };
  return { period, since: firstDay(period, new Date()), choose };
}

interface PeriodChoiceProps {
  period: Period;
  choose: (period: Period) => void;
}

export function PeriodChoice({ period, choose }: PeriodChoiceProps) {
  return (
    <Choice
      label={text("dashboard.period")}
      names={PERIODS}
      current={period}
      titleOf={(name) => text(`dashboard.periods.${name}`)}
      choose={choose}
    />
  );
}

function periodOf(search: string): Period {
  const wanted = new URLSearchParams(search).get("period");
  return PERIODS.find((name) => name === wanted) ?? "month";
}
