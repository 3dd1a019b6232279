"""The bound on seconds that a session's reports may count: no faster than they can be played. Pure.

A session may count 10 s, and the time since it began at twice the speed, or at the rate reported
where that is greater. What a rate has allowed stays allowed when a viewer slows down. A claim
beyond the bound is cut, never refused: an honest viewer is not cut (tests simulate every kind), and
whether a claim is true nobody but the viewer knows.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from db.progress.report_batch import ClaimAccount, SessionKey, Standing
from events.progress.watched_set import Piece, WatchedSet, length
from events.reports import ProgressReport

SLACK_S = 10.0
LEAST_RATE = 2.0

NamedAt = Callable[[SessionKey], datetime | None]


class Counted(NamedTuple):
    """The new pieces of a report that count, and those that do not."""

    pieces: list[Piece]
    capped: list[Piece]


def opened(started_at: datetime) -> ClaimAccount:
    return ClaimAccount(started_at, started_at, SLACK_S, 0.0)


def account_of(
    key: SessionKey, standing: Standing, made_at: datetime, named_at: NamedAt
) -> ClaimAccount:
    """Returns a session's account; a new one starts when it was named, else with its report."""
    if standing.account is not None:
        return standing.account
    return opened(standing.began_at or named_at(key) or made_at)


def allow(
    account: ClaimAccount, made_at: datetime, received_at: datetime, rate: float | None
) -> None:
    """Enters what the time of a report allows.

    A report that is dated before what it follows has a wrong delay: the client's clock was set
    meanwhile. Its arrival counts then, which a delay of 0 would have given it anyway.
    """
    at = made_at if made_at >= account.reported_at else received_at
    speed = rate if rate is not None and rate > LEAST_RATE else LEAST_RATE
    allowed_s = SLACK_S + (at - account.started_at).total_seconds() * speed
    if at > account.reported_at:
        account.allowed_s += (at - account.reported_at).total_seconds() * speed
        account.reported_at = at
    account.allowed_s = max(account.allowed_s, allowed_s)


def room(account: ClaimAccount) -> int:
    """Returns the centiseconds that may still be counted."""
    return max(0, int((account.allowed_s - account.counted_s) * 100 + 1e-6))


def count(
    account: ClaimAccount | None,
    watched: WatchedSet,
    report: ProgressReport,
    claimed: list[Piece],
    made_at: datetime,
) -> Counted:
    """Decides what of a report's claim counts, and enters it; without an account all does."""
    added = watched.added_by(claimed)
    counted = Counted(added, [])
    if account is not None:
        allow(account, made_at, report.received_at, report.rate)
        limit = room(account)
        if length(added) > limit:
            pieces = watched.earliest(added, limit)
            counted = Counted(pieces, _without(added, pieces))
        account.counted_s += length(counted.pieces) / 100
    watched.add(counted.pieces)
    return counted


def _without(added: list[Piece], taken: list[Piece]) -> list[Piece]:
    """Returns the rest; `taken` are the first pieces, the last of them perhaps cut."""
    rest = added[len(taken) :]
    if taken and taken[-1][1] < added[len(taken) - 1][1]:
        rest.insert(0, (taken[-1][1], added[len(taken) - 1][1]))
    return rest
