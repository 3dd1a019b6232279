"""Differences between an upload and what was made of it."""

from typing import Any

import msgspec
import pytest

from storage.media.facts import Measured, MeasuredTrack
from storage.remux.comparison import compare_conversion, compare_copy
from tests.plain_media import IN_ORDER

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
