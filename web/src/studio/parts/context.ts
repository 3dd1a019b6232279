// What every part of the studio needs: the service, the queue of uploads, who the teacher is.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { LiveEvent } from "../../service/live.ts";
import type { StudioApi } from "../service/studio_api.ts";
import type { UploadQueue } from "../uploads/queue.ts";

export type EventListener = (type: string, event: LiveEvent) => void;

export interface Studio {
  api: StudioApi;
  queue: UploadQueue;
  userId: string;
  /** True for admins: they make and delete courses and enrol instructors. */
  isPrivileged: boolean;
  /** The most bytes that a file may have; null while unknown. */
  mostBytes(): number | null;
  /** Call `listener` for every live event; returns what ends that. */
  listen(listener: EventListener): () => void;
}

export const StudioContext = createContext<Studio | null>(null);

export function useStudio(): Studio {
  const studio = useContext(StudioContext);
  if (!studio) throw new Error("outside of the studio");
  return studio;
}
