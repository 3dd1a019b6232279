import { afterEach, describe, expect, it } from "vitest";
import { explainStall } from "../../src/progress/stalls.ts";
import { ApiError } from "../../src/service/client.ts";
import { explain } from "../../src/service/problems.ts";
import {
  day,
  languageName,
  megabytes,
  playerText,
  share,
  speak,
  spokenTime,
} from "../../src/texts/player/texts.ts";

afterEach(() => void speak(["en"], []));

describe("the player's language", () => {
  it.each([
    [["de-AT", null], ["en-US"], "de"], // the page's own
    [["fr", "de"], ["en-US"], "de"], // the viewer's choice
    [["fr", null], ["xx", "de-CH"], "de"], // the browser's
    [["", null], ["fr"], "en"],
  ])("of a page in %j and a browser in %j is %s", (wanted, browsers, chosen) =>
    expect(speak(wanted, browsers)).toBe(chosen),
  );
});

describe("the player in English", () => {
  it.each([
    [0, "0 seconds"],
    [61, "1 minute 1 second"],
    [3754, "1 hour 2 minutes 34 seconds"],
  ])("says %d seconds as %j", (seconds, said) => expect(spokenTime(seconds)).toBe(said));

  it.each([
    [1_240_000, "1.2 MB"],
    [12_400_000, "12 MB"],
    [1_240_000_000, "1240 MB"],
    [12_400_000_000, "12 GB"],
  ])("says %d bytes as %j", (bytes, said) => expect(megabytes(bytes)).toBe(said));

  it("says what a server answered that gave no reason", () =>
    expect(explain(new ApiError(502)).sentence).toBe("The server answered 502."));

  it("says the reason of an error that it does not know", () =>
    expect(explain(new ApiError(418, { detail: "A teapot." })).sentence).toBe("A teapot."));
});

describe("the player in German", () => {
  const german = <T>(say: () => T): T => {
    speak(["de"], ["de-DE"]);
    return say();
  };

  it.each<[string, () => string]>([
    ["Abspielen", () => playerText("bar.play")],
    ["1 Stunde 2 Minuten 34 Sekunden", () => spokenTime(3754)],
    ["0 Sekunden", () => spokenTime(0)],
    ["1,2 MB", () => megabytes(1_240_000)],
    ["12 %", () => share(0.129).replace(/\s/, " ")],
    ["Englisch", () => languageName("en")],
    ["01.12.2026", () => day(Date.UTC(2026, 11, 1, 12))],
    ["Der Server ist nicht erreichbar.", () => explain(new ApiError(0)).sentence],
  ])("says %j", (said, say) => expect(german(say)).toBe(said));

  it("says why playing waits", () => {
    const facts = { isOnline: true, status: 0, aheadS: 0, droppedRatio: 0 };
    const said = german(() => explainStall({ ...facts, lineBits: 1.2e6, neededBits: 3e6 }));
    expect(said).toContain("schafft 1,2 Mbit/s, diese Qualität braucht 3,0 Mbit/s");
  });

  it("names the request where the server is at fault", () => {
    const { advice } = german(() => explain(new ApiError(500, { reference: "r-1" })));
    expect(advice).toMatch(/\(Referenz: r-1\)$/);
  });
});
