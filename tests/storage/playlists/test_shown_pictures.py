"""Demuxers of others find each picture of an assembled file at its time."""

import subprocess
from itertools import chain
from pathlib import Path

import av
import pytest

from tests.storage.playlists.published import MASTER, RUNGS, Published
from tests.storage.rungs import PICTURES, RATE, SEGMENT, Rung, number_of

EXPECTED = [(number / RATE, number) for number in range(PICTURES)]
BY_RUNG = pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)


def number_in(frame: av.VideoFrame, rung: Rung) -> int:
    luma = frame.planes[0]
    return number_of(bytes(luma), luma.line_size, rung.size)


@BY_RUNG
def test_pyav_finds_each_picture_at_its_time(published: Published, rung: Rung) -> None:
    with av.open(str(published.directory / f"{rung.name}.mp4")) as container:
        found = [(frame.time, number_in(frame, rung)) for frame in container.decode(video=0)]
        assert container.duration == PICTURES // RATE * av.time_base

    assert found == EXPECTED


@BY_RUNG
def test_pyav_seeks_to_each_picture(published: Published, rung: Rung) -> None:
    """It decodes from a keyframe at or before it, which need not be the last."""
    with av.open(str(published.directory / f"{rung.name}.mp4")) as container:
        for number in (95, 5, 45, 20, 0, 99, 59):
            container.seek(number * av.time_base // RATE)
            frames = container.decode(video=0)
            first = next(frames)
            assert number_in(first, rung) in range(0, number + 1, SEGMENT)
            found = next(one for one in chain([first], frames) if one.time >= number / RATE)
            assert number_in(found, rung) == number


@BY_RUNG
def test_ffmpeg_finds_each_picture_at_its_time(published: Published, rung: Rung) -> None:
    file = str(published.directory / f"{rung.name}.mp4")

    assert shown_by_ffmpeg(file, rung.size) == EXPECTED


def test_ffmpeg_plays_the_master_playlist(published: Published) -> None:
    """The first variant, over the byte ranges of its playlist, with its sound."""
    source = str(published.directory / MASTER)

    assert shown_by_ffmpeg(source, RUNGS[0].size) == EXPECTED
    sound = run("ffmpeg", "-v", "error", "-i", source, "-map", "0:a:0", "-f", "s16le", "-")
    assert len(sound) // 2 == pytest.approx(PICTURES / RATE * 48_000, abs=2048)


def shown_by_ffmpeg(source: str, size: tuple[int, int]) -> list[tuple[float, int]]:
    """Time and number of each picture of the first stream."""
    entries = ["-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"]
    times = run("ffprobe", "-v", "error", *entries, source).decode().split()
    gray = ["-map", "0:v:0", "-vsync", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    pictures = run("ffmpeg", "-v", "error", "-i", source, *gray)
    width, height = size
    starts = range(0, len(pictures), width * height)
    numbers = [number_of(pictures[start : start + width * height], width, size) for start in starts]
    return list(zip([float(time.strip(",")) for time in times], numbers, strict=True))


def test_sound_begins_with_the_pictures(published: Published) -> None:
    with av.open(str(published.directory / "audio1.m4a")) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]

    assert packets[0].pts == 0
    assert len({packet.duration for packet in packets[:-1]}) == 1


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
