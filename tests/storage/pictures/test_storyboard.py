import hashlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from storage.errors import FileMissing, NoVideo, Undecodable
from storage.media.demux import decode_packets
from storage.media.facts import MAX_TILES, Storyboard
from storage.pictures import storyboard
from storage.pictures.storyboard import make_storyboard
from tests.storage.films.frames import MILLISECOND, level_at, plain, write_frames

CPU_S = 1000.0


def board_of(path: Path, out_dir: Path, cpu_s: float = CPU_S) -> Storyboard:
    container = "mp4" if path.suffix == ".mp4" else "webm"
    return make_storyboard(path, container, 90, out_dir, cpu_s)


def levels(board: Storyboard) -> list[int]:
    """Brightness of each tile in its middle."""
    found = []
    for number in range(len(board.times_s)):
        sheet, tile = divmod(number, 100)
        row, column = divmod(tile, 10)
        with Image.open(board.sheets[sheet].file) as image:
            middle = (
                round((column + 0.5) * board.tile_width_px),
                round((row + 0.5) * board.tile_height_px),
            )
            found.append(level_at(image, middle))
    return found


def size_of(file: Path) -> tuple[int, int]:
    with Image.open(file) as image:
        return image.size


@pytest.mark.parametrize(
    ("muxer", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9")], ids=["mp4", "webm"]
)
def test_times_are_those_of_the_frames_however_they_are_spaced(
    tmp_path: Path, muxer: str, codec: str
) -> None:
    times_ms = [0, 2_400, 4_100, 9_999, 10_001, 17_123, 18_000]
    frames = [(at_ms, plain(30 + 30 * number)) for number, at_ms in enumerate(times_ms)]
    path = write_frames(tmp_path / f"clip.{muxer}", frames, muxer=muxer, codec=codec)

    board = board_of(path, tmp_path)

    taken = [0, 1, 2, 3, 4, 5, 6]  # each is the first one in two seconds of its own
    assert board.times_s == [times_ms[number] / 1000 for number in taken]
    assert levels(board) == pytest.approx([30 + 30 * number for number in taken], abs=6)


def test_tiles_are_two_seconds_apart_at_least(tmp_path: Path) -> None:
    frames = [(250 * number, plain(100)) for number in range(40)]

    board = board_of(write_frames(tmp_path / "clip.mp4", frames), tmp_path)

    assert board.times_s == [0, 2, 4, 6, 8]


def test_sheets_hold_a_hundred_tiles_and_a_long_video_has_few(tmp_path: Path) -> None:
    frames = [(3_000 * number, plain(number % 5 * 50)) for number in range(450)]
    path = write_frames(tmp_path / "clip.mp4", frames)

    board = board_of(path, tmp_path)

    sizes = [size_of(sheet.file) for sheet in board.sheets]
    assert len(board.times_s) <= MAX_TILES
    assert len(board.times_s) > MAX_TILES * 0.9
    assert sizes[:-1] == [(1600, 900)] * 3
    assert sizes[-1] == (1600, 90 * -(-(len(board.times_s) - 300) // 10))
    shown = [round(at_s / 3) % 5 * 50 for at_s in board.times_s]
    assert levels(board) == pytest.approx(shown, abs=6)


def test_sheets_are_reported_as_they_are(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    board = board_of(make_clip(), tmp_path)

    [sheet] = board.sheets
    content = sheet.file.read_bytes()
    assert sheet.file == tmp_path / "sheet-0.jpg"
    assert (sheet.size_bytes, sheet.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    with Image.open(sheet.file) as image:
        assert (image.format, image.size) == ("JPEG", (160, 90))
    assert board.times_s == [0]


@pytest.mark.parametrize(
    ("clip", "size", "red_at"),
    [
        pytest.param({"counterclockwise_deg": -90}, (160, 284), (80, 71), id="turned"),
        pytest.param({"size": (90, 160)}, (160, 284), (40, 142), id="upright"),
        pytest.param({"size": (160, 16)}, (160, 16), (40, 8), id="flat"),
    ],
)
def test_tiles_are_as_a_player_shows_them(
    make_clip: Callable[..., Path], tmp_path: Path, clip, size, red_at
) -> None:
    board = board_of(make_clip(**clip), tmp_path)

    assert (board.tile_width_px, board.tile_height_px) == size
    with Image.open(board.sheets[0].file) as image:
        pixel: Any = image.getpixel(red_at)
        red, _, blue = pixel
    assert red > blue + 50


def test_only_keyframes_are_decoded(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []

    def counting(stream, packets, max_pixels):
        kept = (decoded.append(packet.is_keyframe) or packet for packet in packets)
        return decode_packets(stream, kept, max_pixels)

    monkeypatch.setattr(storyboard, "decode_packets", counting)

    board_of(make_clip(frames=250, video_options={"g": "50"}), tmp_path)

    assert decoded == [True] * 5 + [False]  # the last one is the end


def test_damaged_keyframes_are_passed_over(tmp_path: Path) -> None:
    frames = [(2_000 * number, plain(40 * number)) for number in range(6)]
    path = write_frames(tmp_path / "clip.mp4", frames)
    with av.open(str(path)) as media:
        packets = [(one.pos, one.size) for one in media.demux(video=0) if one.size]
    content = bytearray(path.read_bytes())
    for position, size in packets[2:4]:
        content[position : position + size] = struct.pack(">I", size - 4) + bytes(size - 4)
    path.write_bytes(content)

    board = board_of(path, tmp_path)

    assert board.times_s == [0, 2, 8, 10]
    assert levels(board) == pytest.approx([0, 40, 160, 200], abs=6)


def test_what_was_seen_when_time_is_up_is_enough(tmp_path: Path) -> None:
    frames = [(2_000 * number, plain(100)) for number in range(6)]

    board = board_of(write_frames(tmp_path / "clip.mp4", frames), tmp_path, cpu_s=0)

    assert board.times_s == [0]


def test_video_that_changes_its_size_keeps_its_tiles(tmp_path: Path) -> None:
    small = [(2_000 * number, plain(60)) for number in range(2)]
    large = [(4_000 + 2_000 * number, plain(180, (320, 90))) for number in range(2)]
    parts = [
        write_frames(tmp_path / "a.h264", small, muxer="h264"),
        write_frames(tmp_path / "b.h264", large, size=(320, 90), muxer="h264"),
    ]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    path = _wrapped(joined, tmp_path / "clip.mp4")

    board = board_of(path, tmp_path)

    assert (board.tile_width_px, board.tile_height_px) == (160, 90)
    assert levels(board) == pytest.approx([60, 60, 180, 180], abs=6)


def _wrapped(raw: Path, target: Path) -> Path:
    """A raw stream in a container, with a picture every two seconds."""
    with av.open(str(raw), format="h264") as media, av.open(str(target), "w") as out:
        copy = out.add_stream_from_template(media.streams.video[0], opaque=True)
        packets = [packet for packet in media.demux() if packet.size]
        for number, packet in enumerate(packets):
            packet.stream, packet.time_base, packet.is_keyframe = copy, MILLISECOND, True
            packet.pts = packet.dts = 2_000 * number
            out.mux(packet)
    return target


def test_what_is_no_video_has_no_storyboard(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "noise.mp4").write_bytes(bytes(1000))

    with pytest.raises(NoVideo):
        board_of(make_clip(video=None), tmp_path)
    with pytest.raises(Undecodable):
        board_of(tmp_path / "noise.mp4", tmp_path)
    with pytest.raises(FileMissing):
        board_of(tmp_path / "nothing.mp4", tmp_path)
