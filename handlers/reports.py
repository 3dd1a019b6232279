"""Parsing and validation of players' progress reports.

Access is checked by the endpoints; merging decides what a report changes.
"""

import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from events.errors import VideoMissing
from events.reports import ProgressReport
from handlers.access.auth import SERVICE
from handlers.access.grants import PlaybackGrant
from handlers.errors import InvalidRequest, NotEnrolled, NotFound
from handlers.messages import ProgressPut, Quality, decode_json
from handlers.user_agents import UserAgent

TOLERANCE_S = 1.0  # a player's clock may exceed the container's duration


def report_by_grant(
    grant: PlaybackGrant, body: bytes, longest_s: float, user_agent: UserAgent
) -> ProgressReport:
    """Parses a body as a report of the grant's user. Raises InvalidRequest."""
    said, duration_s = decode_json(body, ProgressPut), grant.duration_s
    return report_of(
        said,
        duration_s,
        longest_s,
        grant.video_id,
        grant.course_id,
        grant.user_id,
        user_agent,
        is_believed=SERVICE in grant.roles,
    )


def refusal_of(failure: BaseException, *, is_told_more: bool) -> BaseException:
    """Returns the error for a caller; strangers do not learn that a video was deleted."""
    if not isinstance(failure, VideoMissing):
        return failure
    refusal = NotFound() if is_told_more else NotEnrolled()
    refusal.__cause__ = failure
    return refusal


def report_of(
    said: ProgressPut,
    duration_s: float | None,
    longest_s: float,
    video_id: UUID,
    course_id: str,
    user_id: str,
    user_agent: UserAgent,
    *,
    is_believed: bool,
) -> ProgressReport:
    """Builds a report; `longest_s` replaces a duration that is not known yet. `is_believed`:
    its claims are not bounded, as those of services.

    Raises InvalidRequest for times outside `[0, duration + 1 s]` and reversed intervals.
    """
    _check_times(said, longest_s if duration_s is None else duration_s)
    return ProgressReport(
        user_id=user_id,
        video_id=video_id,
        course_id=course_id,
        session_id=said.session_id,
        sequence=said.sequence,
        position_s=said.position + 0.0,  # not -0.0, which clients and tables would show
        watched=tuple(said.watched),
        event=said.event,
        rate=said.rate,
        delayed_s=said.delayed_s,
        quality=_measured(said.quality) if said.quality else None,
        device=user_agent.device,
        browser=user_agent.browser,
        received_at=datetime.now(UTC),
        is_believed=is_believed,
    )


def _measured(quality: Quality) -> dict[str, Any]:
    """Returns the reported figures only: missing ones must not overwrite earlier values."""
    figures = msgspec.structs.asdict(quality)
    if quality.error is not None:
        # PostgreSQL stores no NUL; an odd message must not cost the viewer's position.
        figures["error"] = quality.error.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return {name: figure for name, figure in figures.items() if figure is not None}


def _check_times(said: ProgressPut, duration_s: float) -> None:
    end = duration_s + TOLERANCE_S
    if not (math.isfinite(said.position) and 0 <= said.position <= end):
        raise InvalidRequest(f"position must lie within 0 and {end:.2f} seconds.")
    for start, stop in said.watched:
        if not (math.isfinite(start) and math.isfinite(stop) and 0 <= start <= stop <= end):
            raise InvalidRequest(
                f"A watched interval is [from, to] with 0 <= from <= to <= {end:.2f}."
            )
