"""Timelines of sessions: what the player said beside what the server saw, and what follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from db.insight import moments
from db.insight.moments import ReadMoment
from db.insight.session_search import FoundSession
from db.pool import Queries
from events.insight.causes import (
    Cause,
    Evidence,
    SeenRefusal,
    ServedTime,
    Stall,
    cause_of,
    sentence_of,
)
from events.insight.observations import REFUSED, SERVED

MOST_MOMENTS = 1000
AROUND = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ExplainedSession:
    moments: Sequence[ReadMoment]
    cause: Cause | None
    sentence: str


async def read_timeline(queries: Queries, session: FoundSession) -> ExplainedSession:
    """Raises: DatabaseError."""
    found = await moments.read(
        queries,
        session.user_id,
        session.video_id,
        session.session_id,
        session.started_at - AROUND,
        session.last_report_at + AROUND,
        MOST_MOMENTS,
    )
    cause = cause_of(evidence_of(found))
    return ExplainedSession(found, cause, sentence_of(cause))


def evidence_of(found: Sequence[ReadMoment]) -> Evidence:
    return Evidence(
        [_stall(one) for one in found if one.kind == "stalled"],
        [_served(one) for one in found if one.kind == SERVED],
        [SeenRefusal(one.at, one.details["code"]) for one in found if one.kind == REFUSED],
        sum(one.details["frames"] for one in found if one.kind == "frames-dropped"),
        any(one.kind == "error" for one in found),
    )


def _stall(moment: ReadMoment) -> Stall:
    return Stall(moment.at, moment.details["stalled_ms"] / 1000)


def _served(moment: ReadMoment) -> ServedTime:
    said = moment.details
    return ServedTime(
        moment.at,
        moment.at + timedelta(seconds=said["seconds"]),
        said["waited_for_client_s"],
        said["waited_for_disk_s"],
        said["paced_s"],
        said["late_s"],
        said["bytes"],
    )
