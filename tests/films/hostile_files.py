"""Files that are made to do harm, built byte by byte: nobody keeps such things in a repository."""

import random
import struct

UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def box(kind: bytes, content: bytes) -> bytes:
    """ISO/IEC 14496-12 s. 4.2."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def element(identifier: str, content: bytes) -> bytes:
    """RFC 8794; the size in eight bytes."""
    return bytes.fromhex(identifier) + b"\x01" + len(content).to_bytes(7, "big") + content


def boxes(content: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, content) of each box on one level."""
    found, position = [], 0
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        found.append((kind, content[position + 8 : position + size]))
        position += size
    return found


def with_boxes(content: bytes, path: list[bytes], change: object) -> bytes:
    """The same boxes, with what `change` makes of the content of those at `path`.

    For files whose index is last: nothing in it that points into the file moves.
    """
    kinds, rest = path[0], path[1:]
    made = b""
    for kind, inner in boxes(content):
        if kind == kinds:
            inner = with_boxes(inner, rest, change) if rest else change(inner)  # type: ignore[operator]
        made += box(kind, inner)
    return made


def mp4_of_tracks(film: bytes, count: int) -> bytes:
    """A film whose first track is there `count` times."""

    def multiplied(moov: bytes) -> bytes:
        track = next(inner for kind, inner in boxes(moov) if kind == b"trak")
        return moov + box(b"trak", track) * (count - 1)

    return with_boxes(film, [b"moov"], multiplied)


def mp4_of_duration(film: bytes, duration: int) -> bytes:
    """A film that claims so many units of time wherever one is told, of each picture, too."""
    claimed = struct.pack(">I", duration)
    track = [b"moov", b"trak"]
    for path, place in (
        ([b"moov", b"mvhd"], 16),
        ([*track, b"tkhd"], 20),
        ([*track, b"edts", b"elst"], 8),
        ([*track, b"mdia", b"mdhd"], 16),
        ([*track, b"mdia", b"minf", b"stbl", b"stts"], 12),
    ):
        film = with_boxes(
            film, path, lambda inner, at=place: inner[:at] + claimed + inner[at + 4 :]
        )
    return film


def webm_of_duration(film: bytes, duration: float) -> bytes:
    """A film whose Duration element says so many milliseconds."""
    at = film.index(b"\x44\x89\x88") + 3
    return film[:at] + struct.pack(">d", duration) + film[at + 8 :]


def webm(*, width: int = 16, height: int = 16, tracks: int = 1) -> bytes:
    """A VP9 film by its headers; its only picture is nothing that was encoded."""
    header = element("4286", b"\1") + element("4282", b"webm") + element("4287", b"\4")
    info = element("2ad7b1", (10**6).to_bytes(4, "big"))
    info += element("4489", struct.pack(">d", 1000.0))
    shape = element("b0", width.to_bytes(4, "big")) + element("ba", height.to_bytes(4, "big"))
    entries = b"".join(
        element(
            "ae",
            element("d7", number.to_bytes(4, "big"))
            + element("73c5", number.to_bytes(4, "big"))
            + element("83", b"\1")
            + element("86", b"V_VP9")
            + element("e0", shape),
        )
        for number in range(1, tracks + 1)
    )
    block = element("a3", b"\x81\0\0\x80" + bytes.fromhex("8249834200") + bytes(200))
    cluster = element("1f43b675", element("e7", b"\0") + block)
    segment = element("1549a966", info) + element("1654ae6b", entries) + cluster
    return element("1a45dfa3", header) + element("18538067", segment)


def scripts(secret: str) -> dict[str, bytes]:
    """Files that make a media library open another file, disguised by each other beginning."""
    concat = f"ffconcat version 1.0\nfile {secret}\n".encode()
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n".encode()
    brand = box(b"ftyp", b"isom\0\0\2\0isomiso2avc1mp41")
    film = webm()
    return {
        "concat": concat,
        "concat of a relative name": b"ffconcat version 1.0\nfile ../../secret\n",
        "playlist": playlist,
        "playlist after a mark": b"\xef\xbb\xbf" + playlist,
        "dash": f"<?xml version='1.0'?><MPD><BaseURL>{secret}</BaseURL></MPD>".encode(),
        "session": f"v=0\r\nm=video 0 RTP/AVP 96\r\na=control:{secret}\r\n".encode(),
        "avisynth": f'AVISource("{secret}")'.encode(),
        "concat behind a brand": brand + concat,
        "playlist in a box": brand + box(b"free", playlist) + box(b"moov", b"") + box(b"mdat", b""),
        "concat as sound and pictures": brand + box(b"moov", concat) + box(b"mdat", concat),
        "reference to a file": brand + box(b"moov", data_reference(secret)) + box(b"mdat", b"x"),
        "playlist behind a film": film + playlist,
        "concat in a film": film.replace(bytes(200), concat.ljust(200)[:200]),
    }


def data_reference(target: str) -> bytes:
    """A track whose media lie in another file (ISO/IEC 14496-12 s. 8.7.2)."""
    entry = box(b"url ", b"\0\0\0\0" + f"file://{target}".encode() + b"\0")
    references = box(b"dref", b"\0\0\0\0" + struct.pack(">I", 1) + entry)
    handler = box(b"hdlr", bytes(8) + b"vide" + bytes(13))
    media = box(b"mdhd", bytes(24)) + handler + box(b"minf", box(b"dinf", references))
    return box(b"trak", box(b"tkhd", bytes(84)) + box(b"mdia", media))


def mutated(film: bytes, dice: random.Random) -> bytes:
    """A film in which a few things are otherwise: bytes, sizes, pieces moved, doubled or lost."""
    content = bytearray(film)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(content) or 1)
        length = min(dice.choice((1, 2, 4, 8, 64)), len(content) - at)
        match dice.randrange(5):
            case 0:
                content[at : at + length] = dice.randbytes(length)
            case 1:
                content[at : at + 4] = dice.choice(
                    (b"\0" * 4, b"\xff" * 4, b"\0\0\0\1", b"\x80" * 4)
                )
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[at : at + length]
            case 4:
                kind = dice.choice((b"moov", b"trak", b"stsz", b"stco", b"mdat", b"ftyp", b"elst"))
                content[at : at + 4] = kind
    return bytes(content)
