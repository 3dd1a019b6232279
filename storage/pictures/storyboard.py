"""Storyboard: sheets of small pictures along a video, for a player's scrubber.

Runs in a sandboxed child: one pass over the keyframes in one thread. Frames between them are not
decoded and, where the container allows it, not read.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from storage.errors import Undecodable, wrap_os_errors
from storage.formats import Container
from storage.hashes import sha256_file
from storage.media.demux import decode_packets, open_media, video_stream
from storage.media.facts import (
    MAX_TILES,
    SHEET_COLUMNS,
    TILES_PER_SHEET,
    Sheet,
    Storyboard,
    sheet_file,
)
from storage.pictures.stills import MAX_PIXELS, Stills

TILE_WIDTH_PX = 160
# Closer tiles are indistinguishable on a scrubber of some hundred pixels.
_LEAST_INTERVAL_S = 2.0


def make_storyboard(
    path: Path, container: Container, quality: int, out_dir: Path, cpu_s: float
) -> Storyboard:
    """Write the sheets to `out_dir`, from the frames decoded within `cpu_s`.

    Raises: NoVideo, TooComplex, Undecodable, FileMissing, StorageFull.
    """
    with open_media(path, container) as media:
        stream = video_stream(media)
        frames = _spaced_frames(media, stream, cpu_s)
        times_s, sheets, size = _write_sheets(frames, Stills(stream), quality, out_dir)
    if not sheets:
        raise Undecodable("no picture could be decoded")
    return Storyboard(*size, times_s, sheets)


def _write_sheets(
    frames: Iterator[VideoFrame], stills: Stills, quality: int, out_dir: Path
) -> tuple[list[float], list[Sheet], tuple[int, int]]:
    times_s: list[float] = []
    sheets: list[Sheet] = []
    size = (TILE_WIDTH_PX, 1)
    while tiles := list(islice(_tiles(frames, stills), TILES_PER_SHEET)):
        if not sheets:
            size = tiles[0][1].size
        times_s += (time_s for time_s, _ in tiles)
        file = sheet_file(out_dir, len(sheets))
        sheets.append(_write_sheet([tile for _, tile in tiles], size, quality, file))
    return times_s, sheets, size


def _tiles(frames: Iterator[VideoFrame], stills: Stills) -> Iterator[tuple[float, Image.Image]]:
    for frame in frames:
        yield max(0.0, frame.time or 0.0), stills.render(frame, TILE_WIDTH_PX)


def _write_sheet(
    tiles: list[Image.Image], size: tuple[int, int], quality: int, file: Path
) -> Sheet:
    width_px, height_px = size
    columns, rows = min(len(tiles), SHEET_COLUMNS), -(-len(tiles) // SHEET_COLUMNS)
    sheet = Image.new("RGB", (columns * width_px, rows * height_px))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, SHEET_COLUMNS)
        # A video may change its size midway.
        fitting = tile if tile.size == size else tile.resize(size)
        sheet.paste(fitting, (column * width_px, row * height_px))
    with wrap_os_errors():
        sheet.save(file, "JPEG", quality=quality, optimize=True)
        return Sheet(file, file.stat().st_size, sha256_file(file))


def _spaced_frames(
    media: InputContainer, stream: VideoStream, cpu_s: float
) -> Iterator[VideoFrame]:
    """Keyframes with time between them, at most `MAX_TILES`."""
    interval_s = max(_LEAST_INTERVAL_S, (media.duration or 0) / av.time_base / MAX_TILES)
    packets = _spaced_packets(media, stream, interval_s)
    last_s = -1.0
    for frame in islice(decode_packets(stream, packets, MAX_PIXELS), MAX_TILES):
        if frame.time is not None and frame.time > last_s:
            yield frame
            last_s = max(0.0, frame.time)
        if time.process_time() > cpu_s:
            return


def _spaced_packets(
    media: InputContainer, stream: VideoStream, interval_s: float
) -> "Iterator[Packet[VideoStream]]":
    for other in media.streams:
        other.discard = Discard.nonkey if other is stream else Discard.all
    due_s = float("-inf")
    for packet in media.demux(stream):
        if packet.dts is None:  # flush: the decoder returns the frames it holds
            yield packet
        elif packet.is_keyframe and (at_s := _time_s(packet)) >= due_s:
            yield packet
            due_s = (at_s // interval_s + 1) * interval_s


def _time_s(packet: "Packet[Any]") -> float:
    pts = packet.dts if packet.pts is None else packet.pts
    return float((pts or 0) * (packet.time_base or 0))
