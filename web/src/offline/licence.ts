// Licences of lessons that are kept offline (docs/offline.md): signed documents, verified here by the
// service's published key, since nobody else can be asked without a connection.

const KIND = "coursestream-licence+jwt";
// How far a device's clock may be behind the server's, which wrote the licence.
const MAX_CLOCK_LAG_S = 3_600;

export interface LicensedFile {
  /** Relative to the addresses of the video's files. */
  name: string;
  size: number;
  type: string;
  /** The SHA-256 of each 4 MiB, in hex. */
  pieces: string[];
}

export interface Claims {
  sub: string;
  video_id: string;
  course_id: string;
  session_id: string;
  height: number | null;
  captions: string[];
  poster: string | null;
  files: LicensedFile[];
  iat: number;
  exp: number;
}

export interface PublishedKey extends JsonWebKey {
  kid?: string;
}

/** The claims of a licence that one of the keys has signed; null for any other text. */
export async function verifyLicence(
  licence: string,
  keys: readonly PublishedKey[],
): Promise<Claims | null> {
  try {
    const [head = "", payload = "", signature = ""] = licence.split(".");
    const { alg, kid, typ } = readJsonPart(head) as Record<string, unknown>;
    const key = keys.find((one) => one.kid === kid && one.kty === "OKP");
    if (alg !== "EdDSA" || typ !== KIND || !key) return null;
    const signed = new TextEncoder().encode(`${head}.${payload}`);
    const isGenuine = await crypto.subtle.verify(
      "Ed25519",
      await importKey(key),
      fromBase64(signature),
      signed,
    );
    return isGenuine ? (readJsonPart(payload) as Claims) : null;
  } catch {
    return null; // no licence at all, or a browser that cannot verify one
  }
}

/** True while a licence may be used, by this device's clock; a clock set back does not help. */
export function isCurrent({ iat, exp }: Claims, nowMs = Date.now()): boolean {
  const nowS = nowMs / 1000;
  return iat - MAX_CLOCK_LAG_S <= nowS && nowS < exp;
}

/** The bytes of everything that a licence names. */
export function licensedBytes({ files }: Claims): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}

function importKey({ kty, crv, x }: PublishedKey): Promise<CryptoKey> {
  const key = { kty, crv, x } as JsonWebKey;
  return crypto.subtle.importKey("jwk", key, "Ed25519", false, ["verify"]);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function readJsonPart(text: string): unknown {
  return JSON.parse(new TextDecoder().decode(fromBase64(text)));
}
