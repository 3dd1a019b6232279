"""Periods: `?from=` and `?to=`, days or times, `to` exclusive. Pure.

Figures are kept by UTC day: their period holds the days that it touches. What has a time of its own
is asked for to the moment; a day means its midnight.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import msgspec

from db.insight.figures import Period
from handlers.errors import InvalidRequest

FIRST, LAST = date(1970, 1, 1), date(9999, 12, 31)
MOST_DIGITS = 40
RECENT_DAYS: Mapping[str, Literal[1, 7, 30]] = {"1": 1, "7": 7, "30": 30}


def period_of(query: Mapping[str, str]) -> Period:
    """The period asked for: without `from` from the first day, without `to` without an end.

    Raises InvalidRequest.
    """
    since, until = query.get("from"), query.get("to")
    period = Period(
        _moment("from", since).date() if since is not None else FIRST,
        _first_day_after(_moment("to", until)) if until is not None else LAST,
    )
    if period.since >= period.until:
        raise InvalidRequest("from must be before to.")
    return period


def moments_of(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    """Returns the moments between which something is asked for, with defaults as `period_of`.

    Raises InvalidRequest.
    """
    since = _moment("from", query.get("from", FIRST.isoformat()))
    until = _moment("to", query.get("to", LAST.isoformat()))
    if since >= until:
        raise InvalidRequest("from must be before to.")
    return since, until


def recent_days_of(query: Mapping[str, str]) -> Literal[1, 7, 30]:
    """Returns `?days=`, 7 without it. Raises InvalidRequest."""
    days = RECENT_DAYS.get(query.get("days", "7"))
    if days is None:
        raise InvalidRequest(f"days must be one of {', '.join(RECENT_DAYS)}.")
    return days


def _first_day_after(moment: datetime) -> date:
    day = moment.date()
    is_midnight = moment.timetz() == time(0, tzinfo=UTC)
    return day if is_midnight or day == LAST else day + timedelta(days=1)


def _moment(name: str, text: str) -> datetime:
    try:
        if len(text) == len("2026-01-01"):
            day = msgspec.convert(text, date)
            return datetime.combine(day, time(0, tzinfo=UTC))
        moment = msgspec.convert(text[:MOST_DIGITS], datetime)
        if moment.tzinfo is None:
            raise InvalidRequest(f"{name}: a time needs its zone, `Z` for instance.")
        return moment.astimezone(UTC)
    except (msgspec.ValidationError, OverflowError) as exc:
        raise InvalidRequest(f"{name} must be a day or a time of RFC 3339.") from exc
