// The studio: where teachers make courses, bring videos and see who watched.

import { useEffect, useMemo } from "preact/hooks";
import { type ContentProps, openPage } from "../pages/page.tsx";
import { leave, noteTeaching } from "../pages/presence.ts";
import { followEvents, type LiveEvent } from "../service/live.ts";
import type { Viewer } from "../session/viewer.ts";
import { text } from "../texts/texts.ts";
import { App } from "./app.tsx";
import type { EventListener, Studio } from "./parts/context.ts";
import { followLinks, isDirty } from "./parts/navigation.ts";
import { StudioApi } from "./service/studio_api.ts";
import { UploadQueue } from "./uploads/queue.ts";
import { DiskStore } from "./uploads/store.ts";
import { terminateUpload, transfersBy } from "./uploads/transfer.ts";

document.title = `${text("studio.title")} · ${text("common.brand")}`;
openPage("studio", StudioPage);

function StudioPage({ viewer }: ContentProps) {
  const studio = useMemo(() => studioOf(viewer), [viewer]);
  useEffect(() => {
    noteTeaching(viewer);
    followLinks();
    void studio.queue.open();
  }, [studio, viewer]);
  return <App studio={studio} />;
}

function studioOf({ token, userId, isPrivileged }: Viewer): Studio {
  // What is not saved stays on the page: it can be saved once they are signed in again elsewhere.
  const api = new StudioApi(token, () => isDirty() || leave("ended"));
  const queue = new UploadQueue({
    userId,
    store: new DiskStore(),
    start: transfersBy(() => token),
    terminate: (url) => terminateUpload(url, token),
  });
  const listeners = new Set<EventListener>();
  followEvents(api, userId, (type: string, event: LiveEvent) => {
    for (const listener of listeners) listener(type, event);
  });
  let most: number | null = null;
  const learnMost = async () => {
    most = await api.mostBytes().catch(() => null); // then the server says it at the upload
  };
  void learnMost();
  return {
    api,
    queue,
    userId,
    isPrivileged,
    mostBytes: () => most,
    listen(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
