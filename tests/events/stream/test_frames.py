import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from events.log.types import (
    EnrollmentChanged,
    Event,
    PlaybackProgressed,
    VideoProcessing,
    VideoReady,
)
from events.stream import frames

VIDEO = UUID("00000000-0000-4000-8000-000000000001")
AT = datetime(2025, 3, 4, 5, 6, 7, 890000, tzinfo=UTC)
ENVELOPE: dict[str, Any] = {"course_id": "c1", "user_id": "u1", "occurred_at": AT}
TOLD = {"video_id": str(VIDEO), "course_id": "c1", "occurred_at": "2025-03-04T05:06:07.890000Z"}

READY = VideoReady(video_id=VIDEO, video={"id": str(VIDEO), "title": "Ampère\r\nid: 9"}, **ENVELOPE)
PROGRESSED = PlaybackProgressed(
    video_id=VIDEO, position_s=1.25, watched_ratio=0.5, session_id="s", **ENVELOPE
)


def data_of(frame: bytes) -> dict[str, Any]:
    lines = frame.decode().split("\n")
    return json.loads("\n".join(line[6:] for line in lines if line.startswith("data: ")))


@pytest.mark.parametrize(
    ("event", "for_student", "expected"),
    [
        pytest.param(
            READY,
            False,
            TOLD | {"user_id": "u1", "id": str(VIDEO), "title": "Ampère\r\nid: 9"},
            id="video",
        ),
        pytest.param(
            READY,
            True,
            TOLD | {"user_id": None, "id": str(VIDEO), "title": "Ampère\r\nid: 9"},
            id="video-for-student-hides-who-acted",
        ),
        pytest.param(
            VideoProcessing(video_id=VIDEO, processing_ratio=0.25, **ENVELOPE),
            False,
            TOLD | {"user_id": "u1", "processing_ratio": 0.25},
            id="processing",
        ),
        pytest.param(
            PROGRESSED,
            False,
            TOLD | {"user_id": "u1", "position": 1.25, "watched_ratio": 0.5, "session_id": "s"},
            id="playback",
        ),
        pytest.param(
            EnrollmentChanged(role=None, version=7, **ENVELOPE),
            True,
            TOLD | {"video_id": None, "user_id": "u1", "role": None},
            id="enrollment-keeps-its-version-to-itself",
        ),
    ],
)
def test_the_data_is_flat_and_as_the_contract_says(
    event: Event, for_student: bool, expected: dict[str, Any]
) -> None:
    assert data_of(frames.frame(5, event, for_student)) == expected


def test_a_video_cannot_overrule_whom_the_event_is_about() -> None:
    event = VideoReady(video_id=VIDEO, video={"course_id": "x", "user_id": "x"}, **ENVELOPE)

    assert data_of(frames.frame(5, event, False)) == TOLD | {"user_id": "u1"}


def test_a_frame_is_id_type_data_and_an_empty_line() -> None:
    assert frames.frame(17, PROGRESSED, False).startswith(
        b"id: 17\nevent: playback.progress\ndata: {"
    )
    assert frames.frame(17, PROGRESSED, False).endswith(b"}\n\n")
    assert frames.frame(17, PROGRESSED, False).count(b"\n") == 4


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a\r\nid: 9\0", b"x", b"id: 1\nevent: aid: 9\ndata: x\n\n"),
        ("a", b"x\ny\rz\r\nid: 9", b"id: 1\nevent: a\ndata: x\ndata: y\ndata: z\ndata: id: 9\n\n"),
        ("a", b"", b"id: 1\nevent: a\ndata: \n\n"),
    ],
    ids=["name", "data", "empty"],
)
def test_no_text_can_begin_a_field(name: str, data: bytes, expected: bytes) -> None:
    assert frames.build(name, data, 1) == expected


def test_control_frames() -> None:
    assert frames.reset(12) == b"id: 12\nevent: reset\ndata: {}\n\n"
    assert frames.retry(2500) == b"retry: 2500\n\n"
    assert frames.retry(2500, 12) == b"retry: 2500\nid: 12\n\n"
    assert frames.HEARTBEAT == b":\n\n"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("12", 12),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", -1),
        ("9" * 5000, -1),
        ("-1", -1),
        ("+1", -1),
        ("1.0", -1),
        ("abc", -1),
        ("१२", -1),
        (" 1", -1),
    ],
)
def test_a_place_is_a_number_of_the_log_or_none_at_all(text: str | None, place: int | None) -> None:
    assert frames.parse_event_id(text) == place


@pytest.mark.parametrize(
    ("data", "chunk"),
    [
        pytest.param(b":\n\n", b"3\r\n:\n\n\r\n", id="a heartbeat"),
        pytest.param(b"x" * 26, b"1a\r\n" + b"x" * 26 + b"\r\n", id="the length in hexadecimal"),
        pytest.param(b"", b"", id="nothing, which would be the last chunk"),
    ],
)
def test_a_piece_of_a_chunked_message(data: bytes, chunk: bytes) -> None:
    assert frames.chunk(data) == chunk
