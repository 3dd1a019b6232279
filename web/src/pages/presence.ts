// Who is on this page, as its components see it.

import { signal } from "@preact/signals";
import { browserStore } from "../browser/stores.ts";
import { showToast } from "../design/overlays/toasts.tsx";
import { Api } from "../service/api.ts";
import { ApiError } from "../service/client.ts";
import { type Absence, endSession, signOut } from "../session/session.ts";
import type { Viewer } from "../session/viewer.ts";
import { text } from "../texts/texts.ts";

const TEACHES = "coursestream.teaches";

export type Presence =
  | { kind: "opening" }
  | { kind: "present"; viewer: Viewer; api: Api }
  | { kind: "absent"; reason: Absence }
  | { kind: "failed"; error: unknown };

export const presence = signal<Presence>({ kind: "opening" });

/** True for whoever may prepare lessons, as far as this browser knows. */
export const canTeach = signal(false);

/** Take in the viewer once they are known. */
export async function adopt(found: Promise<Viewer | Absence>) {
  try {
    const adopted = await found;
    if (typeof adopted === "string") leave(adopted);
    else enter(adopted);
  } catch (error) {
    presence.value = { kind: "failed", error };
  }
}

function enter(viewer: Viewer) {
  canTeach.value = viewer.isPrivileged || browserStore.getItem(TEACHES) === viewer.userId;
  const api = new Api(viewer.token, () => leave("ended"));
  presence.value = { kind: "present", viewer, api };
}

/** Nobody is on this page any more. */
export function leave(reason: Absence) {
  endSession();
  presence.value = { kind: "absent", reason };
}

/** Ends the session; who keeps lessons on this device is asked about them, and may stay. */
export async function signOutHere(viewer: Viewer) {
  // Without the server there is no such file either, unless an earlier page has fetched it.
  const kept = await import("../session/kept_lessons.tsx").catch(() => null);
  if (kept && !(await kept.settleKeptLessons(viewer.userId))) return;
  if (kept && (await isSignedOut(viewer))) return leave("signed-out");
  // Only the server can take the cookie away: whoever leaves this device must know that it did not.
  showToast({ message: text("signIn.notSignedOut"), tone: "bad", forMs: Infinity });
}

async function isSignedOut(viewer: Viewer): Promise<boolean> {
  try {
    await signOut(viewer);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return false;
  }
}

/** Show the way to the studio, on the next pages from the beginning. */
export function noteTeaching({ userId }: Viewer) {
  if (canTeach.peek()) return;
  canTeach.value = true;
  browserStore.setItem(TEACHES, userId);
}
