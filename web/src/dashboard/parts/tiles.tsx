// Figures side by side: a name, a number, and what it means where that is not plain.

import type { ComponentChildren } from "preact";
import { number, percent, text, timeSum } from "../../texts/texts.ts";
import type { CourseFigures } from "../service/figures.ts";

interface TileProps {
  name: string;
  value: string;
  /** True for what is at this moment. */
  isLive?: boolean;
  hint?: string | undefined;
}

export function Tile({ name, value, isLive, hint }: TileProps) {
  return (
    <div class={isLive ? "tile card tile--live" : "tile card"}>
      <dt>{name}</dt>
      <dd class="tile__value number">{value}</dd>
      {hint && <dd class="quiet tile__hint">{hint}</dd>}
    </div>
  );
}

interface TilesProps {
  children: ComponentChildren;
  /** Eight figures in place of six. */
  isEight?: boolean;
}

export function Tiles({ children, isEight }: TilesProps) {
  return (
    <div class="tiles-frame">
      <dl class={isEight ? "tiles tiles--eight" : "tiles"}>{children}</dl>
    </div>
  );
}

export function ViewingTiles({ figures }: { figures: CourseFigures }) {
  return (
    <Tiles>
      <Tile name={text("dashboard.activeNow")} value={number(figures.active_now)} isLive />
      <Tile name={text("dashboard.metrics.viewers")} value={number(figures.viewers)} />
      <Tile name={text("dashboard.metrics.watched")} value={timeSum(figures.watched_seconds)} />
      <Tile name={text("dashboard.metrics.sessions")} value={number(figures.sessions)} />
      <Tile name={text("dashboard.completions")} value={number(figures.completions)} />
      <Tile name={text("dashboard.average")} value={percent(figures.average_watched_ratio)} />
    </Tiles>
  );
}
