import { beforeAll, describe, expect, it } from "vitest";
import { isCurrent, type PublishedKey, verifyLicence } from "../../src/offline/licence.ts";

const CLAIMS = { sub: "ada", video_id: "v1", iat: 1_000, exp: 2_000, files: [] };

let pair: CryptoKeyPair;
let published: PublishedKey;

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

async function sign(header: object, claims: object = CLAIMS): Promise<string> {
  const part = (value: object) => base64(new TextEncoder().encode(JSON.stringify(value)));
  const signed = `${part(header)}.${part(claims)}`;
  const bytes = new TextEncoder().encode(signed);
  const signature = await crypto.subtle.sign("Ed25519", pair.privateKey, bytes);
  return `${signed}.${base64(new Uint8Array(signature))}`;
}

const HEADER = { alg: "EdDSA", typ: "coursestream-licence+jwt", kid: "k1" };

beforeAll(async () => {
  pair = (await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"])) as CryptoKeyPair;
  published = { ...(await crypto.subtle.exportKey("jwk", pair.publicKey)), kid: "k1" };
});

describe("verifyLicence", () => {
  it("reads what a published key has signed", async () => {
    expect(await verifyLicence(await sign(HEADER), [published])).toEqual(CLAIMS);
  });

  it("refuses claims that were changed", async () => {
    const [head, , signature] = (await sign(HEADER)).split(".");
    const forged = (await sign(HEADER, { ...CLAIMS, exp: 9_000 })).split(".")[1];
    expect(await verifyLicence(`${head}.${forged}.${signature}`, [published])).toBeNull();
  });

  it.each([
    ["another kind of document", { ...HEADER, typ: "coursestream-receipt+jwt" }],
    ["no signature", { ...HEADER, alg: "none" }],
    ["another key", { ...HEADER, kid: "k2" }],
  ])("refuses %s", async (_, header) => {
    expect(await verifyLicence(await sign(header), [published])).toBeNull();
  });

  it.each(["", "a.b", "a.b.c", "é.é.é"])("refuses %j", async (text) => {
    expect(await verifyLicence(text, [published])).toBeNull();
  });
});

describe("isCurrent", () => {
  it.each([
    [1_000, true],
    [1_999, true],
    [2_000, false],
    [999, true],
    [-2_601, false],
  ])("at %d s: %s", (nowS, wanted) => {
    expect(isCurrent({ ...CLAIMS } as never, nowS * 1000)).toBe(wanted);
  });
});
