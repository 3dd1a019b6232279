"""Survey of all figures: recounts every video that has been watched, and repairs on request."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from db.insight import quality_sums, recount
from db.pool import Database
from events.insight.comparison import Comparison
from events.insight.folding import count_anew, count_some, settle
from events.insight.quality import sum_up_quality

VIDEOS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class FiguresFinding:
    """A video whose recorded figures are not what a recount gives; `names` are theirs.

    `video_id` is None where they are the course's own.
    """

    course_id: str
    video_id: UUID | None
    names: tuple[str, ...]
    is_mended: bool


async def survey_figures(
    database: Database, sessions_kept_since: date, *, is_repairing: bool
) -> list[FiguresFinding]:
    """Compares each video at one moment, while reports go on. Raises: DatabaseError.

    What was watched before there were figures is counted first: it is no fault.
    """
    await settle(database)
    while await count_some(database):
        pass
    found: list[FiguresFinding] = []
    after = UUID(int=0)
    while videos := await recount.list_next_videos(database, after, VIDEOS_AT_ONCE):
        for video_id, has_viewing in videos:
            if has_viewing:
                found += await _look(database, video_id, sessions_kept_since, is_repairing)
        after = videos[-1][0]
    return found + await _survey_sums(database, is_repairing)


async def _survey_sums(database: Database, is_repairing: bool) -> list[FiguresFinding]:
    """Compares the sums of each course by day, and has those that differ summed up anew."""
    differing: set[str] = set()
    after = quality_sums.BEFORE_ALL
    while day := await quality_sums.next_day(database, after):
        after = day
        if await quality_sums.differs(database, day):
            differing.add(day.course_id)
            if is_repairing:
                async with database.transaction() as transaction:
                    await quality_sums.mark(transaction, day)
    while await sum_up_quality(database):
        pass
    return [FiguresFinding(one, None, ("quality",), is_repairing) for one in sorted(differing)]


async def _look(
    database: Database, video_id: UUID, since: date, is_repairing: bool
) -> list[FiguresFinding]:
    async def compare() -> Comparison | None:
        return await count_anew(
            database, video_id, is_repairing=is_repairing, sessions_kept_since=since
        )

    compared = await compare()
    if compared is not None and compared.is_first:
        await count_anew(database, video_id)
        compared = await compare()
    if compared is None or not compared.differing:
        return []
    return [FiguresFinding(compared.course_id, video_id, compared.differing, is_repairing)]
