// The studio: where teachers make courses, bring videos and see who watched.

import { render } from "preact";
import { adoptIdentity, retireToken } from "../pages/identity.js";
import { followEvents, type LiveEvent } from "../service/live.ts";
import { applyLanguage } from "../texts/texts.ts";
import { App } from "./app.tsx";
import type { EventListener, Studio } from "./parts/context.ts";
import { followLinks } from "./parts/navigation.ts";
import { StudioApi } from "./service/studio_api.ts";
import { UploadQueue } from "./uploads/queue.ts";
import { DiskStore } from "./uploads/store.ts";
import { terminateUpload, transfersBy } from "./uploads/transfer.ts";

interface Identity {
  token: string;
  userId: string;
  name: string;
  isPrivileged: boolean;
}

async function open() {
  applyLanguage();
  const identity: Identity | null = await adoptIdentity();
  if (!identity) return render(<App studio={null} viewer={null} />, document.body);
  const studio = studioOf(identity);
  followLinks();
  render(<App studio={studio} viewer={identity} />, document.body);
  await studio.queue.open();
}

function studioOf({ token, userId, isPrivileged }: Identity): Studio {
  const api = new StudioApi(token, () => retireToken(token));
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

void open();
