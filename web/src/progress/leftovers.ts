// Delivery of what earlier pages of a viewer could not: after an outage, in another tab, days later.

import { ifUnowned } from "../playback/ownership.ts";
import type { Report } from "../service/answers.ts";
import { ApiError } from "../service/client.ts";
import { dated, pauseMs } from "./outbox.ts";
import { listUnsent, saveUnsent, type Unsent } from "./unsent.ts";

// For a queue of leftovers that exceeds the limit on reports; after that many refusals it stops.
const MAX_TRIES = 10;

type Send = (videoId: string, report: Report) => Promise<unknown>;
type Viewer = { server: string; userId: string };

/** Send what earlier pages of this viewer could not, unless another page still owns it. */
export async function deliverLeftovers(
  { server, userId }: Viewer,
  send: Send,
  mySessionId: string | null = null,
): Promise<void> {
  for (const kept of await listUnsent(server, userId)) {
    if (kept.sessionId === mySessionId) await deliver(kept, send);
    else await ifUnowned(kept.sessionId, () => deliver(kept, send));
  }
}

async function deliver(kept: Unsent, send: Send): Promise<void> {
  let tries = 0;
  for (let first = kept.entries[0]; first; first = kept.entries[0]) {
    try {
      await send(kept.videoId, dated(first));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tries += 1;
      if (error.status === 429 && tries < MAX_TRIES) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs(1, error.retryAfterS)));
        continue;
      }
      if (error.status === 401 || error.isTemporary) return;
    }
    tries = 0;
    kept.entries.shift();
    await saveUnsent(kept);
  }
}
