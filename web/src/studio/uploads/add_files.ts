// Files for a module into the queue, and in words what was left out.

import { showToast } from "../../design/overlays/toasts.tsx";
import { bytes, text } from "../../texts/texts.ts";
import type { Studio } from "../parts/context.ts";
import type { Target } from "./job.ts";
import { mayBeVideo } from "./names.ts";
import type { DroppedFile } from "./queue.ts";

export async function addFiles(studio: Studio, dropped: readonly DroppedFile[], target: Target) {
  const videos = dropped.filter(({ file }) => mayBeVideo(file));
  const most = studio.mostBytes() ?? Number.POSITIVE_INFINITY;
  const fitting = videos.filter(({ file }) => file.size <= most);
  const others = namesOf(dropped.filter((one) => !videos.includes(one)));
  const large = namesOf(videos.filter((one) => !fitting.includes(one)));
  if (others.count) warn(text("studio.leftOut", others));
  if (large.count) warn(text("studio.tooLarge", { ...large, most: bytes(most) }));
  await studio.queue.add(fitting, target);
}

function namesOf(files: readonly DroppedFile[]) {
  return { count: files.length, names: files.map(({ file }) => file.name).join(", ") };
}

function warn(message: string) {
  showToast({ message, tone: "bad", forMs: 15_000 });
}
