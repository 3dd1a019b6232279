// One student's progress in one lesson.

import { Chip } from "../../design/chip.tsx";
import { Share } from "../../design/share.tsx";
import { text } from "../../texts/texts.ts";
import { type Cell, hasBegun } from "./watch_table.ts";

export function CellView({ cell }: { cell: Cell | undefined }) {
  if (!cell || !hasBegun(cell)) return <span class="quiet">{text("studio.watched.notBegun")}</span>;
  return (
    <span class="cell">
      {cell.completed && (
        <Chip kind="ready" icon="check">
          {text("studio.watched.completed")}
        </Chip>
      )}
      <Share ratio={cell.ratio} />
    </span>
  );
}
