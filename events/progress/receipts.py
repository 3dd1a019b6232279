"""Receipts: what a user has seen of a video, with the evidence beside it. Pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from db.progress.progress import ProgressState
from db.videos.video import Video


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a receipt; lengths and positions in seconds.

    `watched`, `watched_ratio` and `completed_at` are what players reported, within the bound of
    plausibility.py; `capped_seconds` what they claimed beyond it. `bytes_served` is what the
    service saw itself, a lower bound where browsers or edges hold copies.
    """

    sub: str
    video_id: UUID
    sha256: str | None
    duration: float | None
    watched: Sequence[tuple[float, float]]
    watched_ratio: float
    completed_at: datetime | None
    capped_seconds: float
    bytes_served: int
    issued_at: datetime


def write_receipt(
    user_id: str,
    video: Video,
    state: ProgressState | None,
    capped_s: float,
    bytes_served: int,
    now: datetime,
) -> Receipt:
    """Returns a receipt; without progress it says that nothing was seen."""
    return Receipt(
        sub=user_id,
        video_id=video.id,
        sha256=video.primary.sha256 if video.primary else None,
        duration=video.duration_s,
        watched=state.watched if state else (),
        watched_ratio=state.watched_ratio if state else 0.0,
        completed_at=state.completed_at if state else None,
        capped_seconds=round(capped_s, 2),
        bytes_served=bytes_served,
        issued_at=now,
    )
