// Signing in, which lasts: the token that the fragment of an address hands over becomes a session,
// whose cookie no script can read. Where the browser keeps no cookie, the token stays in memory and
// goes on to the next page as it came.

import { type Channel, openChannel } from "../browser/between_pages.ts";
import { ApiError, send, sendJson } from "../service/client.ts";
import {
  forgetViewer,
  keepViewer,
  readKeptViewer,
  type SessionView,
  type Viewer,
  viewerOfSession,
  viewerOfToken,
} from "./viewer.ts";
import { takeWanted } from "./wanted.ts";

const SESSION = "/api/v1/session";
const CHANNEL = "coursestream.session";

/** The reason why nobody is signed in. */
export type Absence = "unknown" | "ended" | "signed-out";

/** The viewer of this page, once a token that its address holds is exchanged. Throws ApiError. */
export async function adoptViewer(): Promise<Viewer | Absence> {
  // A token pasted into the address of an open page changes only the fragment, which loads nothing.
  addEventListener("hashchange", () => location.hash.startsWith("#token=") && location.reload());
  const token = takeHandedOver();
  const adopted = token ? await signIn(token) : await currentViewer();
  if (typeof adopted !== "string") {
    followOtherPages(adopted);
    if (adopted.token) carryToNextPage(adopted.token);
  }
  return adopted;
}

/** The server takes this viewer for signed in no longer: neither should the next page. */
export function endSession() {
  forgetViewer();
}

export async function signOut({ token }: Viewer) {
  if (!token) await send("DELETE", SESSION);
  forgetViewer();
  tellOtherPages(null);
}

/** Load the page anew, with a token that a reload would forget. */
export function reloadAs({ token }: Viewer) {
  if (token) location.hash = `token=${token}`;
  else location.reload();
}

/** The token of the address, which it is taken out of. */
function takeHandedOver(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

async function signIn(token: string): Promise<Viewer | Absence> {
  const next = viewerOfToken(token);
  const current = await askServer();
  if (current && next && current.userId !== next.userId) {
    const { askWhetherToChange } = await import("./change_of_viewer.tsx");
    if (!(await askWhetherToChange(current, next))) return keep(current);
  }
  try {
    await send("POST", SESSION, { token });
  } catch (error) {
    if (!(error instanceof ApiError) || error.isTemporary) throw error;
    if (error.status === 401) return "ended";
    return next ?? "ended"; // a token that is too long for a cookie
  }
  const begun = await askServer();
  if (begun) tellOtherPages(begun.userId);
  goWhereWanted(begun ? "" : `#token=${token}`);
  return begun ? keep(begun) : (next ?? "ended");
}

async function currentViewer(): Promise<Viewer | Absence> {
  const kept = readKeptViewer();
  if (kept && kept.expiresAtMs <= Date.now()) {
    forgetViewer();
    return "ended";
  }
  if (!kept) {
    const found = await askServer();
    return found ? keep(found) : "unknown";
  }
  // Nothing has to wait for the confirmation: without a session every call is refused.
  void confirm(kept);
  return kept;
}

async function confirm(kept: Viewer) {
  const found = await askServer().catch(() => kept);
  if (found && found.userId !== kept.userId) {
    keepViewer(found);
    location.reload();
  }
}

/** Whose session this browser holds; null for nobody's. */
async function askServer(): Promise<Viewer | null> {
  try {
    const session = await sendJson<SessionView | null>("GET", SESSION);
    return session && viewerOfSession(session);
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return null;
    throw error;
  }
}

function keep(viewer: Viewer): Viewer {
  keepViewer(viewer);
  return viewer;
}

/** The way in led to the first page; does not return where another was wanted. */
function goWhereWanted(fragment: string) {
  const wanted = takeWanted();
  if (wanted && location.pathname === "/") location.replace(wanted + fragment);
}

// One for hearing and telling: a page does not hear its own channel.
const others: Channel = openChannel(CHANNEL);

function tellOtherPages(userId: string | null) {
  others.postMessage({ userId });
}

// The cookie is the browser's: when another user signs in, no page may go on for the one before.
function followOtherPages({ userId, token }: Viewer) {
  if (token) return;
  others.onmessage = ({ data }) => data.userId !== userId && location.reload();
}

function carryToNextPage(token: string) {
  addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    const isPlain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey);
    if (!link?.href || !isPlain || event.defaultPrevented || link.target || link.hash) return;
    if (link.origin !== location.origin || link.hasAttribute("download")) return;
    event.preventDefault();
    location.assign(`${link.href}#token=${token}`);
  });
}
