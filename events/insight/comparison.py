"""Comparison of a video's recorded figures with a recount."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from db.insight import recount, rollups
from db.insight.rollups import CountedVideo, Curve, Day
from db.pool import Transaction
from events.insight.curves import Steps
from events.insight.quality import QualityRecount, recount_quality
from events.insight.reconciliation import Recount, reconciled


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures that a recount leads to; `differing` names those that are recorded otherwise.

    `quality` is None where it is not known which sessions are kept. `is_first`: the video was not
    counted yet, or not since its duration changed, so what differs is no fault.
    """

    course_id: str
    days: Sequence[Day]
    curve: Curve
    differing: tuple[str, ...]
    is_first: bool
    quality: QualityRecount | None = None


async def compare(
    transaction: Transaction, video_id: UUID, sessions_kept_since: date | None = None
) -> Comparison | None:
    """Recounts a video; None if it does not exist. All changes that are visible must be folded."""
    facts = (await rollups.read_facts(transaction, [video_id])).get(video_id)
    if facts is None:
        return None
    before = await rollups.read_days(transaction, video_id)
    viewers = await recount.list_viewers(transaction, video_id)
    numbers = await rollups.number_viewers(
        transaction, [(facts.course_id, one.user_id) for one in viewers if one.watched_cs]
    )
    days = reconciled(
        before,
        Recount(
            viewers,
            {user_id: number for (_, user_id), number in numbers.items()},
            await recount.count_sessions(transaction, video_id),
            sessions_kept_since,
        ),
    )
    curve = await _recounted_curve(transaction, video_id, facts)
    differing = _differing(before, days, facts.curve, curve)
    is_first = facts.curve is not None and not facts.curve.is_counted
    if sessions_kept_since is None:
        return Comparison(facts.course_id, days, curve, differing, is_first)
    measured = await recount_quality(transaction, facts.course_id, video_id, sessions_kept_since)
    if measured.differs:
        differing = (*differing, "quality")
    return Comparison(facts.course_id, days, curve, differing, is_first, measured)


async def _recounted_curve(transaction: Transaction, video_id: UUID, facts: CountedVideo) -> Curve:
    """Plays are recorded nowhere else: they are kept, as long as the steps are the same.

    What was seen has been played at least once.
    """
    duration = facts.duration_cs
    if duration is None:
        return Curve(video_id, True, None, (), ())
    steps = Steps(duration)
    changes = await recount.count_curve(
        transaction, video_id, steps.step_s, steps.count, steps.last_middle_cs
    )
    viewers = plays = steps.summed(changes)
    if facts.curve is not None and facts.curve.duration_cs == duration:
        plays = [max(pair) for pair in zip(facts.curve.plays, viewers, strict=True)]
    return Curve(video_id, True, duration, viewers, plays)


def _differing(
    before: Sequence[Day], after: Sequence[Day], recorded: Curve | None, curve: Curve
) -> tuple[str, ...]:
    old, new = ({day.day: day for day in days} for days in (before, after))
    names = []
    for name in ("viewers", "sessions", "watched_cs", "completions"):
        if any(
            getattr(old.get(day, Day(day)), name) != getattr(new.get(day, Day(day)), name)
            for day in old.keys() | new.keys()
        ):
            names.append(name.removesuffix("_cs"))
    if recorded is None:
        is_drawn = not any(curve.viewers)
    else:
        is_drawn = list(recorded.viewers) == list(curve.viewers) and list(recorded.plays) == list(
            curve.plays
        )
    return (*names, *(() if is_drawn else ("retention",)))
