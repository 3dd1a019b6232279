import pytest

from events.errors import UnknownEventType
from events.log.types import EVENT_TYPES, Event, PlaybackEvent, VideoEvent, kinds_of, parse_types

CONTRACT = {
    "video.uploaded",
    "video.processing",
    "video.ready",
    "video.failed",
    "video.updated",
    "video.deleted",
    "playback.started",
    "playback.progress",
    "playback.completed",
    "playback.stopped",
    "enrollment.changed",
}


def test_the_types_are_the_contracts() -> None:
    assert set(EVENT_TYPES) == CONTRACT
    assert {kind.name for kind in kinds_of(Event)} == CONTRACT


def test_a_class_stands_for_all_below_it() -> None:
    assert {kind.name for kind in kinds_of(VideoEvent)} == {
        name for name in CONTRACT if name.startswith("video.")
    }
    assert len(kinds_of(PlaybackEvent)) == 4


def test_a_filter_names_known_types() -> None:
    assert parse_types("playback.progress,video.ready,reset") == {
        "playback.progress",
        "video.ready",
        "reset",
    }


@pytest.mark.parametrize("text", ["", "video", "video.ready,", "video.ready, video.failed", "X"])
def test_a_filter_with_an_unknown_type_is_refused(text: str) -> None:
    with pytest.raises(UnknownEventType):
        parse_types(text)
