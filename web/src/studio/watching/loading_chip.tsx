// How much of everyone's progress is there already.

import { Chip } from "../../design/chip.tsx";
import { text } from "../../texts/texts.ts";
import type { Watched } from "./use_watched.ts";

export function LoadingChip({ watched: { loading } }: { watched: Watched }) {
  if (loading === null) return <Chip kind="ready">{text("studio.watched.live")}</Chip>;
  return <Chip kind="waiting">{text("studio.watched.loading", { count: loading })}</Chip>;
}
