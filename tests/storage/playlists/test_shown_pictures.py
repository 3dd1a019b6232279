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
    times = run("ffprobe", "-v", "error", "-show_entries", "frame=pts_time", "-of", "csv=p=0", file)
    gray = ["-vsync", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    pictures = run("ffmpeg", "-v", "error", "-i", file, *gray)

    width, height = rung.size
    size = width * height
    numbers = [
        number_of(pictures[size * n : size * (n + 1)], width, rung.size) for n in range(PICTURES)
    ]
    found = [float(line.strip(",")) for line in times.decode().split()]
    assert list(zip(found, numbers, strict=True)) == EXPECTED


def test_ffmpeg_plays_the_master_playlist(published: Published) -> None:
    """Pictures and sound of the first variant, over the byte ranges of its playlist."""
    source = str(published.directory / MASTER)
    entries = ["-show_entries", "packet=codec_type,size"]

    lines = run("ffprobe", "-v", "error", *entries, "-of", "csv=p=0", source).decode().split()

    pictures = [line for line in lines if line.startswith("video")]
    assert len(pictures) >= PICTURES
    assert any(line.startswith("audio") for line in lines)


def test_sound_begins_with_the_pictures(published: Published) -> None:
    with av.open(str(published.directory / "audio1.m4a")) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]

    assert packets[0].pts == 0
    assert len({packet.duration for packet in packets[:-1]}) == 1


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
