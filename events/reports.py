"""Progress reports as received from players, not committed yet.

Kept apart from the event types on purpose: a report becomes an event only with its commit.
"""

import asyncio
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from db.progress.progress import ProgressState

ReportedEvent = Literal["started", "progress", "paused", "seeked", "completed", "stopped"]


class ProgressReport(msgspec.Struct, frozen=True):
    """One report, already validated against the contract's bounds.

    `watched` holds [from, to] in seconds; `delayed_s` is the time it waited in the client;
    `device` and `browser` are of the few that the parser of user agents tells apart;
    `is_believed`: what it claims to have watched is not bounded.
    """

    user_id: str
    video_id: UUID
    course_id: str
    session_id: str
    sequence: int
    position_s: float
    watched: tuple[tuple[float, float], ...]
    event: ReportedEvent
    received_at: datetime
    rate: float | None = None
    delayed_s: float = 0.0
    quality: dict[str, Any] | None = None
    device: str = "other"
    browser: str = "other"
    is_believed: bool = False


class ReportReceived(msgspec.Struct, frozen=True):
    """A report and the future that its sender awaits."""

    report: ProgressReport
    outcome: asyncio.Future[ProgressState]
