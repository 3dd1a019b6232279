// The claims of a bearer token, read to know the viewer's own id; only the server decides whether
// they are genuine.

export interface Claims {
  sub?: unknown;
  name?: unknown;
  roles?: unknown;
  exp?: unknown;
}

export function readClaims(token: string): Claims | null {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

/** The user id of a token; empty when it cannot be read. */
export function userOf(token: string): string {
  const subject = readClaims(token)?.sub;
  return typeof subject === "string" ? subject : "";
}
