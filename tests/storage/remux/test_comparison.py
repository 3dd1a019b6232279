"""Differences between an upload and what was made of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage.containers.sniff import sniff_file
from storage.formats import Container
from storage.media.facts import Measured, MeasuredTrack
from storage.media.measure import measure
from storage.pictures.end_pictures import draw_ends
from storage.remux.comparison import compare_conversion, compare_copy, compare_pictures
from tests.films.plain_media import IN_ORDER
from tests.storage.films.frames import plain, write_frames
from tests.storage.films.transcoding import Workbench

PICTURE = MeasuredTrack(
    is_picture=True,
    codec="h264",
    language="",
    packets=750,
    start_s=0.0,
    stop_s=30.0,
    first="aa",
    last="bb",
)
SOUND = msgspec.structs.replace(PICTURE, is_picture=False, codec="aac", language="ger", first="cc")
FILM = Measured(IN_ORDER, [PICTURE, SOUND])


def _film(track: int = 0, probe: dict[str, Any] | None = None, **changes: Any) -> Measured:
    tracks = list(FILM.tracks)
    tracks[track] = msgspec.structs.replace(tracks[track], **changes)
    return Measured(msgspec.structs.replace(IN_ORDER, **(probe or {})), tracks)


@pytest.mark.parametrize(
    ("made", "of_copy", "of_conversion"),
    [
        pytest.param(FILM, [], [], id="same"),
        pytest.param(_film(probe={"duration_s": 30.1}), [], [], id="a-block-of-sound-more"),
        pytest.param(_film(probe={"duration_s": 27.0}), ["duration"], ["duration"], id="shorter"),
        pytest.param(Measured(IN_ORDER, [PICTURE]), ["tracks"], ["tracks"], id="sound-lost"),
        pytest.param(_film(1, start_s=0.5), ["times"], ["times"], id="sound-late"),
        pytest.param(_film(0, stop_s=20.0), ["times"], ["times"], id="picture-ends-early"),
        pytest.param(_film(1, language=""), ["languages"], ["languages"], id="language-lost"),
        pytest.param(_film(0, first="xx"), ["first-packet"], [], id="another-first-picture"),
        pytest.param(_film(0, last="xx"), ["last-packet"], [], id="another-last-picture"),
        pytest.param(_film(0, first=""), [], [], id="first-picture-not-known"),
        pytest.param(_film(0, codec="vp9"), ["codecs"], [], id="another-codec"),
        pytest.param(_film(probe={"width": 480}), ["size"], ["size"], id="another-shape"),
        pytest.param(_film(probe={"width": 320, "height": 180}), ["size"], [], id="smaller"),
        pytest.param(_film(probe={"rotation": 90}), ["size"], [], id="turned"),
    ],
)
def test_differences(made: Measured, of_copy: list[str], of_conversion: list[str]) -> None:
    assert compare_copy(FILM, made) == of_copy
    assert compare_conversion(FILM, made) == of_conversion


def write_long_ending(path: Path) -> Path:
    frames = ((at_ms, plain(at_ms // 20)) for at_ms in (0, 400, 800, 4800))
    return write_frames(path, frames, keyframe_every=2)


@pytest.mark.parametrize(
    ("clip", "target"),
    [
        pytest.param({}, "webm", id="mp4"),
        pytest.param(
            {"muxer": "webm", "video": "libvpx-vp9", "audio": "libopus"}, "mp4", id="webm"
        ),
        pytest.param({"audio": None}, "webm", id="silent"),
        pytest.param({"counterclockwise_deg": 90}, "webm", id="turned"),
        pytest.param({"audio": "libmp3lame"}, "webm", id="mp3"),
        pytest.param({"audio_streams": 2}, "webm", id="two-sounds"),
        pytest.param(None, "webm", id="a-last-picture-of-four-seconds"),
    ],
)
def test_alternate_format_does_not_differ(
    make_clip: Callable[..., Path],
    bench: Workbench,
    tmp_path: Path,
    clip: dict[str, Any] | None,
    target: Container,
) -> None:
    source = write_long_ending(tmp_path / "a.mp4") if clip is None else make_clip(**clip)
    source_format = sniff_file(source)
    bench.make(source, target)

    upload, made = (
        measure(path, kind, bench.limits)
        for path, kind in ((source, source_format), (bench.target, target))
    )
    ends = draw_ends(source, source_format), draw_ends(bench.target, target)

    assert compare_conversion(upload, made) == []
    assert compare_pictures(*ends) == []
