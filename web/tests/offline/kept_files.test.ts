import { afterEach, describe, expect, it, vi } from "vitest";
import type { LicensedFile } from "../../src/offline/licence.ts";
import { masterPlaylist } from "../../src/offline/playlists.ts";
import type { Piece } from "../../src/offline/shelf.ts";
import { fetchFile } from "../../src/offline/transfer.ts";
import type { ApiError } from "../../src/service/client.ts";

const HLS = "application/vnd.apple.mpegurl";
const PIECE = 4 * 1024 * 1024;

function licensed(name: string, type: string): LicensedFile {
  return { name, type, size: 1, pieces: ["00"] };
}

const PICTURE = licensed("v96-0a.mp4", 'video/mp4; codecs="avc1.42c00b"');
const SOUND = licensed("sound-0b.m4a", 'audio/mp4; codecs="mp4a.40.2"');
const LISTS = [licensed("v96-0c.m3u8", HLS), licensed("sound-0d.m3u8", HLS)];

describe("masterPlaylist", () => {
  it("joins picture and sound", () => {
    const text = masterPlaylist([PICTURE, SOUND, ...LISTS]);
    expect(text).toContain('CODECS="avc1.42c00b,mp4a.40.2",AUDIO="sound"\nv96-0c.m3u8');
    expect(text).toContain('GROUP-ID="sound",NAME="sound",DEFAULT=YES,URI="sound-0d.m3u8"');
  });

  it("lists the sound alone", () => {
    const text = masterPlaylist([SOUND, ...LISTS]);
    expect(text).toContain('CODECS="mp4a.40.2"\nsound-0d.m3u8');
    expect(text).not.toContain("EXT-X-MEDIA");
  });

  it("is none of a lesson that is one file", () => {
    expect(masterPlaylist([licensed("film-0e.mp4", "video/mp4")])).toBeNull();
  });
});

/** A file of two pieces and a bit, its licence, and a server that cuts or damages answers. */
class Fixture {
  content = new Uint8Array(2 * PIECE + 1000).map((_, at) => at >> 10);
  pieces: Piece[] = [];
  asked: string[] = [];
  answers: ((start: number) => Response)[] = [];
  file: LicensedFile = { name: "film", type: "video/mp4", size: this.content.length, pieces: [] };

  static async open(): Promise<Fixture> {
    const fixture = new Fixture();
    for (const start of [0, PIECE, 2 * PIECE]) {
      const piece = fixture.content.slice(start, start + PIECE);
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", piece));
      fixture.file.pieces.push([...hash].map((one) => one.toString(16).padStart(2, "0")).join(""));
    }
    return fixture;
  }

  private constructor() {
    vi.stubGlobal("fetch", async (_: string, { headers }: { headers: { Range: string } }) => {
      this.asked.push(headers.Range);
      const start = Number(/\d+/.exec(headers.Range)?.[0]);
      return (this.answers.shift() ?? ((at: number) => this.answer(at)))(start);
    });
  }

  answer(start: number, stop = this.content.length, content = this.content): Response {
    const range = `bytes ${start}-${stop - 1}/${this.content.length}`;
    const headers = { "Content-Range": range };
    return new Response(content.slice(start, stop), { status: 206, headers });
  }

  fetch(signal = new AbortController().signal): Promise<void> {
    const save = async (index: number, piece: Piece) => {
      this.pieces[index] = piece;
      return true;
    };
    return fetchFile(
      this.file,
      "https://host/film",
      { read: async () => this.pieces, save },
      signal,
    );
  }

  async isWhole(): Promise<boolean> {
    const kept = await new Blob(this.pieces.map(({ blob }) => blob)).arrayBuffer();
    return new Uint8Array(kept).every((byte, at) => byte === this.content[at]);
  }
}

describe("fetchFile", () => {
  afterEach(() => vi.unstubAllGlobals());

  it("asks once for all, and stores the pieces", async () => {
    const fixture = await Fixture.open();
    await fixture.fetch();
    expect(fixture.asked).toEqual(["bytes=0-"]);
    expect(fixture.pieces.map(({ isWhole }) => isWhole)).toEqual([true, true, true]);
    expect(await fixture.isWhole()).toBe(true);
  });

  it("goes on at the byte where an answer was cut", async () => {
    const fixture = await Fixture.open();
    fixture.answers = [(start) => fixture.answer(start, PIECE + 12_345)];
    await expect(fixture.fetch()).rejects.toMatchObject({ status: 0 });
    await fixture.fetch();
    expect(fixture.asked).toEqual(["bytes=0-", `bytes=${PIECE + 12_345}-`]);
    expect(await fixture.isWhole()).toBe(true);
  });

  it("fetches a damaged piece again, from its beginning", async () => {
    const fixture = await Fixture.open();
    const damaged = fixture.content.slice();
    damaged[PIECE + 5] = 99;
    fixture.answers = [(start) => fixture.answer(start, undefined, damaged)];
    await fixture.fetch();
    expect(fixture.asked).toEqual(["bytes=0-", `bytes=${PIECE}-`]);
    expect(await fixture.isWhole()).toBe(true);
  });

  it("gives up on a file that is always damaged", async () => {
    const fixture = await Fixture.open();
    fixture.file.pieces[0] = "00";
    const failed = await fixture.fetch().catch((error: ApiError) => error);
    expect(failed).toMatchObject({ code: "checksum-mismatch", isTemporary: false });
    expect(fixture.asked.length).toBeLessThan(10);
  });

  it("takes no other range than it asked for", async () => {
    const fixture = await Fixture.open();
    fixture.pieces = [{ blob: new Blob(["abc"]), isWhole: false }];
    fixture.answers = [() => new Response(fixture.content)];
    await expect(fixture.fetch()).rejects.toMatchObject({ status: 416 });
  });
});
