"""What players say, before it is true: a report, and its way to whoever stores it.

Named apart from types.py on purpose: nothing in here has happened yet.
"""

import asyncio
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from db.progress.progress import ProgressState

ReportedEvent = Literal["started", "progress", "paused", "seeked", "completed", "stopped"]


class ProgressReport(msgspec.Struct, frozen=True):
    """One report, already checked against the contract's bounds.

    `watched` are [from, to] in seconds; `delayed_s` is how long it waited in the client.
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


class ReportReceived(msgspec.Struct, frozen=True):
    """A report and the future that its sender waits on."""

    report: ProgressReport
    outcome: asyncio.Future[ProgressState]
