"""All that belongs to a track is in its copy, in WebM as in MP4."""

import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from storage.media.facts import Measured, Prepared
from storage.media.stream_choice import choose_picture, choose_sounds
from storage.remux.comparison import compare_copy
from storage.remux.preparation import prepare
from storage.remux.webm_picture import read_picture_element, write_picture_element

SOUND = ("-f", "lavfi", "-i", "sine=440:d=1")
VP9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
MARKS = (
    *("-metadata", "title=Film", "-metadata:s:v", "title=Board"),
    *("-metadata:s:a:0", "language=ger", "-metadata:s:a:0", "title=Ton"),
    *("-metadata:s:a:1", "language=eng", "-disposition:a:0", "0", "-disposition:a:1", "default"),
)
FRAGMENTS = ("-movflags", "frag_keyframe+empty_moov+default_base_moof")


def _write(path: Path, *options: str, picture: str = "testsrc2=s=160x120:r=10:d=1") -> Path:
    inputs = ("-f", "lavfi", "-i", picture, *SOUND, *SOUND)
    maps = ("-map", "0", "-map", "1", "-map", "2")
    command = ["ffmpeg", "-v", "error", "-y", *inputs, *maps, *options, str(path)]
    subprocess.run(command, check=True)
    return path


def _prepare(source: Path, target: Path) -> tuple[Measured, Measured]:
    done = prepare(source, target, "webm" if source.suffix == ".webm" else "mp4")
    assert isinstance(done, Prepared)
    assert done.upload is not None
    assert done.made is not None, done.reason
    assert compare_copy(done.upload, done.made) == []
    return done.upload, done.made


def _marks(path: Path) -> list[Any]:
    """In the order of players: what is heard comes first in a WebM."""
    with av.open(str(path)) as media:
        return [media.metadata.get("title")] + [
            (stream.language, stream.metadata.get("title"), stream.disposition)
            for stream in (choose_picture(media), *choose_sounds(media))
        ]


@pytest.mark.parametrize(
    ("name", "coding"),
    [
        pytest.param("film.webm", VP9, id="webm"),
        pytest.param("film.mp4", (*H264, *FRAGMENTS), id="fragments"),
        pytest.param("film.mp4", H264, id="index-last"),
    ],
)
def test_words_and_flags(tmp_path: Path, name: str, coding: tuple[str, ...]) -> None:
    source, target = _write(tmp_path / name, *coding, *MARKS), tmp_path / "target"

    _prepare(source, target)

    assert _marks(target) == _marks(source)


@pytest.mark.parametrize(
    ("name", "coding"),
    [
        pytest.param("film.webm", VP9, id="webm"),
        pytest.param("film.mp4", (*H264, *FRAGMENTS), id="fragments"),
        pytest.param("film.mp4", H264, id="index-last"),
    ],
)
def test_shape_of_pixels(tmp_path: Path, name: str, coding: tuple[str, ...]) -> None:
    picture = "testsrc2=s=80x120:r=10:d=1,setsar=2"
    source = _write(tmp_path / name, *coding, picture=picture)

    _, made = _prepare(source, tmp_path / "target")

    assert (made.probe.width, made.probe.height) == (160, 120)


def test_shape_of_pixels_and_title_of_a_webm_whose_track_has_a_name(tmp_path: Path) -> None:
    picture = "testsrc2=s=80x120:r=10:d=1,setsar=2"
    source = _write(tmp_path / "film.webm", *VP9, *MARKS, picture=picture)

    _, made = _prepare(source, tmp_path / "target")

    assert made.probe.width == 160
    assert _marks(tmp_path / "target") == _marks(source)


def test_alpha_of_a_webm(tmp_path: Path) -> None:
    picture = "color=red@0.5:s=160x120:r=10:d=1,format=yuva420p"
    coding = ("-c:v", "libvpx", "-pix_fmt", "yuva420p", "-auto-alt-ref", "0", "-c:a", "libopus")
    source = _write(tmp_path / "film.webm", *coding, picture=picture)

    _prepare(source, tmp_path / "target")

    with av.open(str(tmp_path / "target")) as media:
        words = {name.lower(): word for name, word in media.streams.video[0].metadata.items()}
        assert words["alpha_mode"] == "1"
        packet = next(media.demux(video=0))
        assert packet.has_sidedata("matroska_block_additional")
    assert b"\x53\xc0\x81\x01" in read_picture_element(tmp_path / "target", 0)


def test_hdr_of_a_webm(tmp_path: Path) -> None:
    colours = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
    source = _write(tmp_path / "film.webm", *VP9, *colours)

    _prepare(source, tmp_path / "target")

    elements = [read_picture_element(path, 0) for path in (source, tmp_path / "target")]
    assert elements[0] == elements[1] != b""


@pytest.mark.parametrize("offset", ["1000", "3"])
@pytest.mark.parametrize("live", [(), ("-f", "webm", "-live", "1")], ids=["webm", "live"])
def test_clock_of_a_webm_begins_at_0(tmp_path: Path, offset: str, live: tuple[str, ...]) -> None:
    plain = _write(tmp_path / "plain.webm", *VP9)
    source = tmp_path / "late.webm"
    command = ["-i", str(plain), "-c", "copy", "-output_ts_offset", offset, *live, str(source)]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *command], check=True)

    _, made = _prepare(source, tmp_path / "target")

    assert made.probe.duration_s == pytest.approx(1, abs=0.05)
    with av.open(str(tmp_path / "target")) as media:
        assert abs(media.start_time or 0) < 50_000
        assert (media.duration or 0) == pytest.approx(1e6, abs=50_000)


def test_lying_header_of_a_webm(tmp_path: Path) -> None:
    content = bytearray(_write(tmp_path / "film.webm", *VP9).read_bytes())
    at = content.find(b"\x44\x89\x88") + 3
    for lie in (b"\x40\x59\0\0\0\0\0\0", b"\x40\xc3\x88\0\0\0\0\0"):  # 0.1 s and 10 s
        content[at : at + 8] = lie
        (tmp_path / "lie.webm").write_bytes(content)

        upload, made = _prepare(tmp_path / "lie.webm", tmp_path / "target")

        for found in (upload, made):
            assert found.probe.duration_s == pytest.approx(1, abs=0.05)


def test_picture_element_without_room_is_refused(tmp_path: Path) -> None:
    source = _write(tmp_path / "film.webm", *VP9)

    with pytest.raises(Exception, match="no room"):
        write_picture_element(source, bytes(10_000), "")


def test_file_without_tracks_in_front_has_no_picture_element(tmp_path: Path) -> None:
    for content in (b"", b"\x1a\x45\xdf\xa3\x80", b"\x1a\x45\xdf\xa3\xff" * 50, bytes(64)):
        (tmp_path / "film.webm").write_bytes(content)

        assert read_picture_element(tmp_path / "film.webm", 0) == b""
