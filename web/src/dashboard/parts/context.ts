// What every part of the dashboard needs: the service, who looks, what happens.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Api } from "../../service/api.ts";
import type { LiveEvent } from "../../service/live.ts";
import type { Viewer } from "../../session/viewer.ts";

export type EventListener = (type: string, event: LiveEvent) => void;

export interface Dashboard {
  api: Api;
  viewer: Viewer;
  /** Call `listener` for every live event; returns what ends that. */
  listen(listener: EventListener): () => void;
}

export const DashboardContext = createContext<Dashboard | null>(null);

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext);
  if (!dashboard) throw new Error("outside of the dashboard");
  return dashboard;
}
