from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from db.media.assets import RepresentationRow, ThumbnailRow
from db.media.rungs import LadderFile, RungRow
from handlers.offline.kept_files import KeptFile, choose_media, choose_poster

H264, AV1 = "avc1.64001E", "av01.0.04M.08"
SERVED = RepresentationRow("mp4", "source-0.mp4", "video/mp4", 1000, "", is_primary=True)


def rung(name: str, height: int | None = None, codecs: str = H264, state: Any = "ready") -> RungRow:
    kind: Any = "video" if height else "sound"
    file_name = f"{name}-0.{'mp4' if height else 'm4a'}"
    return RungRow(
        name, kind, state, height=height, codecs=codecs, file_name=file_name, size_bytes=7
    )


SOUNDS = [rung("audio", codecs="mp4a.40.2"), rung("audio1", codecs="mp4a.40.2")]
LADDER = [rung("v720", 720), rung("v480", 480), rung("av480", 480, AV1), rung("v240", 240)]
PLAYLISTS = [
    LadderFile(f"{name}-1.m3u8", "playlist", 5, "")
    for name in ("v720", "v480", "av480", "v240", "audio", "audio1", "iframes_v480", "captions_en")
]


def video(rungs: Sequence[RungRow], hls: str | None = "hls-0.m3u8", primary: Any = SERVED) -> Any:
    return SimpleNamespace(rungs=tuple(rungs), hls_file_name=hls, primary=primary)


def names(lesson: Any, height: int | None) -> list[str]:
    return [one.name for one in choose_media(lesson, PLAYLISTS, height)]


@pytest.mark.parametrize(
    ("height", "expected"),
    [
        pytest.param(720, "v720", id="the largest"),
        pytest.param(480, "v480", id="in the codec that every client plays"),
        pytest.param(700, "v480", id="the next lower"),
        pytest.param(2160, "v720", id="higher than all"),
        pytest.param(144, "v240", id="lower than all"),
    ],
)
def test_a_rung_comes_with_its_sound_and_their_playlists(height: int, expected: str) -> None:
    assert names(video([*LADDER, *SOUNDS]), height) == [
        *(f"{expected}-0.mp4", f"{expected}-1.m3u8", "audio-0.m4a", "audio-1.m3u8")
    ]


def test_a_silent_film_is_its_pictures() -> None:
    assert names(video(LADDER), 240) == ["v240-0.mp4", "v240-1.m3u8"]


def test_a_ladder_in_another_codec_alone_is_kept_in_it() -> None:
    assert names(video([rung("av480", 480, AV1)]), 480) == ["av480-0.mp4", "av480-1.m3u8"]


def test_rungs_that_are_not_ready_are_not_kept() -> None:
    unready = [rung("v1080", 1080, state="waiting"), rung("v720", 720, state="failed")]

    assert names(video([*unready, rung("v240", 240)]), 1080) == ["v240-0.mp4", "v240-1.m3u8"]


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(video([]), id="no rungs"),
        pytest.param(video([*LADDER, *SOUNDS], hls=None), id="rungs of another source"),
        pytest.param(video(SOUNDS), id="sound alone"),
    ],
)
def test_without_pictures_in_the_ladder_the_served_file_is_kept(lesson: Any) -> None:
    assert choose_media(lesson, PLAYLISTS, 480) == [KeptFile("source-0.mp4", 1000, "video/mp4")]


def test_listening_only_is_the_default_sound() -> None:
    assert choose_media(video([*LADDER, *SOUNDS]), PLAYLISTS, None) == [
        KeptFile("audio-0.m4a", 7, 'audio/mp4; codecs="mp4a.40.2"'),
        KeptFile("audio-1.m3u8", 5, "application/vnd.apple.mpegurl"),
    ]


@pytest.mark.parametrize(
    ("lesson", "height"),
    [
        pytest.param(video(LADDER), None, id="no sound"),
        pytest.param(video(SOUNDS, hls=None), None, id="sound of another source"),
        pytest.param(video([], primary=None), 480, id="no file"),
    ],
)
def test_what_does_not_exist_is_not_kept(lesson: Any, height: int | None) -> None:
    assert choose_media(lesson, PLAYLISTS, height) == []


def test_the_poster_is_the_largest_jpeg() -> None:
    rows = [
        ThumbnailRow(name, media_type, f"{name}-0", width, 90, width, "")
        for name, media_type, width in [
            ("small", "image/jpeg", 160),
            ("large", "image/jpeg", 640),
            ("huge", "image/webp", 1280),
            ("medium", "image/jpeg", 320),
        ]
    ]

    assert choose_poster(rows) == KeptFile("large-0", 640, "image/jpeg")
    assert choose_poster([]) is None
