from pathlib import Path
from typing import Any

import msgspec
import pytest

from storage.media.facts import (
    Measured,
    MeasuredTrack,
    MediaLimits,
    ProbeTask,
    ThumbnailsTask,
    decode,
    encode,
    sheet_file,
)
from tests.films.plain_media import IN_ORDER


@pytest.mark.parametrize(
    "value",
    [
        ProbeTask(Path("/s/a b\n.mp4"), "mp4", MediaLimits(1, 2.5, 3)),
        ThumbnailsTask(Path("/s/ü"), "webm", [("small", 160)], 82, Path("/s/out"), ["webp"]),
    ],
)
def test_what_goes_in_comes_out(value: msgspec.Struct) -> None:
    assert decode(encode(value), type(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"path": 1, "container": "mp4", "limits": {}}', id="path-is-a-number"),
        pytest.param(b'{"path": "/x", "container": "avi"}', id="other-container"),
        pytest.param(b"[" * 100_000, id="deep"),
    ],
)
def test_what_does_not_fit_is_refused(text: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, NotImplementedError, RecursionError)):
        decode(text, ProbeTask)


def test_other_values_do_not_cross() -> None:
    with pytest.raises(NotImplementedError):
        encode(object())


def test_sheets_have_names_of_their_own() -> None:
    assert {sheet_file(Path("/a"), number) for number in range(2)} == {
        Path("/a/sheet-0.jpg"),
        Path("/a/sheet-1.jpg"),
    }


@pytest.mark.parametrize("is_steady", [True, False])
def test_measured_file_is_as_steady_as_its_least_steady_track(is_steady: bool) -> None:
    times: dict[str, Any] = {"language": "", "packets": 1, "start_s": 0.0, "stop_s": 1.0}
    sound = MeasuredTrack(is_picture=False, codec="aac", **times)
    picture = MeasuredTrack(is_picture=True, codec="vp9", is_steady=is_steady, **times)
    assert Measured(IN_ORDER, [picture, sound]).is_steady == is_steady
