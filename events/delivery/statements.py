"""Statements about watching, for a learning record store. Pure.

Sources: xAPI 1.0.3 (Data, sections 2.4 and 4); the video profile 1.0.3
(https://w3id.org/xapi/video) for initialized, completed and terminated; ADL's vocabulary for
progressed. A statement's id follows from its event, so one that is sent twice is stored once; that
of progress from the tenth that was reached, whichever event and process tells it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from db.delivery.watched_videos import WatchedFacts
from events.log.types import (
    PlaybackCompleted,
    PlaybackEvent,
    PlaybackProgressed,
    PlaybackStarted,
    PlaybackStopped,
)

ADL, VIDEO = "http://adlnet.gov/expapi/verbs/", "https://w3id.org/xapi/video"
EXTENSIONS = f"{VIDEO}/extensions/"
VERBS: Mapping[type[PlaybackEvent], str] = {
    PlaybackStarted: "initialized",
    PlaybackProgressed: "progressed",
    PlaybackCompleted: "completed",
    PlaybackStopped: "terminated",
}
TYPES = tuple(sorted(kind.name for kind in VERBS))
NO_FACTS = WatchedFacts("", None, ())
STEPS = 10  # of a video, at each of which progress is sent


def build(
    event_id: int, event: PlaybackEvent, facts: WatchedFacts, home_page: str
) -> dict[str, Any]:
    """`home_page` is that of the accounts whose names are the user ids."""
    verb = VERBS[type(event)]
    return {
        "id": str(_id(event_id, event)),
        "actor": {
            "objectType": "Agent",
            "account": {"homePage": home_page, "name": event.user_id},
        },
        "verb": {"id": f"{ADL}{verb}", "display": {"en-US": verb}},
        "object": _video(event.video_id, facts),
        "result": _result(event, facts),
        "context": _context(event, facts),
        "timestamp": event.occurred_at.isoformat(),
    }


def step_of(event: PlaybackProgressed) -> int:
    """Returns the tenths of the video that were seen."""
    return int(event.watched_ratio * STEPS)


def _id(event_id: int, event: PlaybackEvent) -> UUID:
    source = f"{event_id} {VERBS[type(event)]}"
    if isinstance(event, PlaybackProgressed):
        source = f"{VERBS[type(event)]} {step_of(event)} {event.user_id}"
    return uuid5(event.video_id, source)


def _video(video_id: UUID, facts: WatchedFacts) -> dict[str, Any]:
    definition: dict[str, Any] = {"type": f"{VIDEO}/activity-type/video"}
    if facts.title:
        definition["name"] = {"und": facts.title}
    return {"objectType": "Activity", "id": f"urn:uuid:{video_id}", "definition": definition}


def _result(event: PlaybackEvent, facts: WatchedFacts) -> dict[str, Any]:
    extensions: dict[str, Any] = {
        f"{EXTENSIONS}time": round(event.position_s, 3),
        f"{EXTENSIONS}progress": round(event.watched_ratio, 3),
    }
    if isinstance(event, PlaybackCompleted | PlaybackStopped):
        extensions[f"{EXTENSIONS}played-segments"] = played_segments(facts.watched)
    result: dict[str, Any] = {"extensions": extensions}
    if isinstance(event, PlaybackCompleted):
        result["completion"] = True
        result["duration"] = f"PT{sum(stop - start for start, stop in facts.watched):.2f}S"
    return result


def _context(event: PlaybackEvent, facts: WatchedFacts) -> dict[str, Any]:
    session = uuid5(event.video_id, f"session {event.user_id} {event.session_id}")
    extensions: dict[str, Any] = {f"{EXTENSIONS}session-id": str(session)}
    if facts.duration_s is not None:
        extensions[f"{EXTENSIONS}length"] = round(facts.duration_s, 3)
    course = {"objectType": "Activity", "id": f"urn:coursestream:course:{event.course_id}"}
    return {
        "contextActivities": {
            "category": [{"objectType": "Activity", "id": VIDEO}],
            "grouping": [course],
        },
        "extensions": extensions,
    }


def played_segments(watched: Sequence[tuple[float, float]]) -> str:
    """Returns the profile's form: `0[.]12.5[,]20[.]40`."""
    return "[,]".join(f"{_seconds(start)}[.]{_seconds(stop)}" for start, stop in watched)


def _seconds(at: float) -> str:
    """Returns hundredths, in which seconds seen are kept, without trailing zeros."""
    return f"{at:.2f}".rstrip("0").rstrip(".")
