// The viewer as pages know them: from a token's claims, or from what the server says of a session.
// What is kept for the next page holds no token; whether any of it is true, the server decides.

import { VIEWER } from "../browser/stored_names.ts";
import { browserStore, readJson, writeJson } from "../browser/stores.ts";
import { readClaims } from "../service/claims.ts";

export interface Viewer {
  userId: string;
  name: string;
  isPrivileged: boolean;
  expiresAtMs: number;
  /** Only where the browser keeps no cookie; else the session's cookie stands for it. */
  token: string | null;
}

/** What `GET /api/v1/session` answers where somebody is signed in. */
export interface SessionView {
  user_id: string;
  name: string | null;
  roles: string[];
  expires_at: string;
}

/** Null for what is no token of a user. */
export function viewerOfToken(token: string): Viewer | null {
  const claims = readClaims(token);
  if (typeof claims?.sub !== "string") return null;
  const name = typeof claims.name === "string" && claims.name ? claims.name : claims.sub;
  const expiresAtMs = typeof claims.exp === "number" ? claims.exp * 1000 : 0;
  return { userId: claims.sub, name, isPrivileged: isPrivileged(claims.roles), expiresAtMs, token };
}

export function viewerOfSession({ user_id: userId, name, roles, expires_at }: SessionView): Viewer {
  const expiresAtMs = Date.parse(expires_at);
  return {
    userId,
    name: name || userId,
    isPrivileged: isPrivileged(roles),
    expiresAtMs,
    token: null,
  };
}

function isPrivileged(roles: unknown): boolean {
  return Array.isArray(roles) && (roles.includes("admin") || roles.includes("service"));
}

/** Who was signed in when the last page was open, in whatever tab. */
export function readKeptViewer(): Viewer | null {
  const kept = readJson(browserStore, VIEWER) as Partial<Viewer> | null;
  if (typeof kept?.userId !== "string" || typeof kept.expiresAtMs !== "number") return null;
  const { userId, expiresAtMs } = kept;
  const name = typeof kept.name === "string" ? kept.name : userId;
  return { userId, name, isPrivileged: kept.isPrivileged === true, expiresAtMs, token: null };
}

export function keepViewer(viewer: Viewer) {
  writeJson(browserStore, VIEWER, { ...viewer, token: null });
}

export function forgetViewer() {
  browserStore.removeItem(VIEWER);
}
