import logging
from datetime import UTC, datetime

import pytest

from events.log.emitter import Emitter
from events.log.types import EnrollmentChanged, Event, VideoProcessing, VideoReady

CHANGED = EnrollmentChanged(
    course_id="c", user_id="u", occurred_at=datetime.now(UTC), role="student", version=1
)


async def test_a_listener_hears_its_class_and_those_below_it() -> None:
    emitter, everything, enrollments, videos = Emitter(), [], [], []
    emitter.subscribe(Event, lambda event_id, event: everything.append((event_id, event)))
    emitter.subscribe(EnrollmentChanged, lambda event_id, event: enrollments.append(event))
    emitter.subscribe(VideoReady, lambda event_id, event: videos.append(event))
    emitter.subscribe(VideoProcessing, lambda event_id, event: videos.append(event))

    emitter.emit(4, CHANGED)

    assert everything == [(4, CHANGED)]
    assert enrollments == [CHANGED]
    assert videos == []


async def test_a_listener_that_raises_is_logged_and_the_next_one_still_hears(
    caplog: pytest.LogCaptureFixture,
) -> None:
    emitter, heard = Emitter(), []

    def fail(event_id: int, event: Event) -> None:
        raise ValueError("broken listener")

    emitter.subscribe(Event, fail)
    emitter.subscribe(Event, lambda event_id, event: heard.append(event_id))
    with caplog.at_level(logging.ERROR):
        emitter.emit(1, CHANGED)

    assert heard == [1]
    assert "broken listener" in caplog.text
