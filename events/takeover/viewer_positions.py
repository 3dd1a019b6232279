"""Import of viewers' positions from the old service as progress.

The newer position wins, watched intervals are merged, completions stay. Idempotent. Publishes no
event, since nothing was played.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace

from db import enrollments
from db.pool import Database, Transaction
from db.progress import report_batch
from db.progress.report_batch import ProgressChange, SessionKey, Standing
from db.takeover import viewer_positions
from db.takeover.legacy import LegacyProgress
from db.takeover.viewer_positions import Lecture, ViewerPosition
from events.progress.merging import multirange

State = Literal["no-module", "bad-user-id", "unreadable", "not-enrolled"]

NO_SESSION = ""  # no report's session, so ordering within a session never applies
UNKNOWN_TIME = datetime.fromtimestamp(0, UTC)  # older than anything here
# PostgreSQL's boolean literals.
TRUE_WORDS = ("true", "t", "yes", "y", "on", "1")
FALSE_WORDS = ("false", "f", "no", "n", "off", "0", "")


@dataclass(frozen=True, slots=True)
class Remark:
    """A row that may need attention; all but `not-enrolled` were skipped."""

    state: State
    user_id: str
    module_id: str = ""
    course_id: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """Counts of a batch: positions that were new or newer, and positions already here."""

    changed: int
    unchanged: int
    remarks: Sequence[Remark]


class NotCarried(Exception):
    """A row cannot be imported; `state` is the report's column, the message the reason."""

    def __init__(self, state: State, detail: str) -> None:
        super().__init__(detail)
        self.state = state


class Backfill:
    """Imports rows; `lectures` are by module id, `now` is the start of the import."""

    def __init__(
        self,
        database: Database,
        lectures: Mapping[str, Lecture],
        completion_ratio: float,
        is_user_id: Callable[[str], object],
        now: datetime,
    ) -> None:
        self._database = database
        self._lectures = lectures
        self._completion_ratio = completion_ratio
        self._is_user_id = is_user_id
        self._now = now

    async def carry(self, rows: Iterable[LegacyProgress]) -> Carried:
        """Imports the rows in one transaction. Raises: DatabaseError."""
        places, remarks = read_places(rows, self._lectures, self._is_user_id, self._now)
        async with self._database.transaction() as transaction:
            news = await viewer_positions.list_changing(transaction, places)
            if news:
                await self._store(transaction, news)
            asked = {(place.course_id, place.user_id) for place in places}
            unenrolled = await enrollments.list_not_enrolled(transaction, asked)
        remarks += [Remark("not-enrolled", user, course_id=course) for course, user in unenrolled]
        return Carried(len(news), len(places) - len(news), remarks)

    async def _store(self, transaction: Transaction, places: Sequence[ViewerPosition]) -> None:
        """Reads the standings again under their locks: reports arrive meanwhile."""
        keys = {place: SessionKey(place.user_id, place.video_id, NO_SESSION) for place in places}
        standings = await report_batch.lock_and_read(transaction, keys.values())
        changes = [
            self._change(place, standings[key]) for place, key in keys.items() if key in standings
        ]
        await report_batch.write(transaction, changes, [], self._completion_ratio)
        await viewer_positions.mark_completed(transaction, places)

    def _change(self, place: ViewerPosition, standing: Standing) -> ProgressChange:
        is_newer = standing.position_at is None or place.position_at > standing.position_at
        return ProgressChange(
            user_id=place.user_id,
            video_id=place.video_id,
            position_s=place.position_s if is_newer else None,
            position_at=place.position_at if is_newer else None,
            position_session_id=NO_SESSION if is_newer else None,
            watched=multirange([(0.0, place.seen_s)]),
            received_at=_known_time(place.position_at, self._now),
        )


def read_places(
    rows: Iterable[LegacyProgress],
    lectures: Mapping[str, Lecture],
    is_user_id: Callable[[str], object],
    now: datetime,
) -> tuple[list[ViewerPosition], list[Remark]]:
    """Returns one position per user and lecture, and remarks on unusable rows."""
    places: list[ViewerPosition] = []
    remarks: list[Remark] = []
    for row in rows:
        try:
            if not is_user_id(row.user_id):
                raise NotCarried("bad-user-id", f"{row.user_id!r} cannot be a user's id here")
            places.append(parse_place(row, lectures, now))
        except NotCarried as exc:
            remarks.append(Remark(exc.state, row.user_id, row.module_id, detail=str(exc)))
    return merge_places(places), remarks


def parse_place(
    row: LegacyProgress, lectures: Mapping[str, Lecture], now: datetime
) -> ViewerPosition:
    """Raises: NotCarried."""
    lecture = lectures.get(row.module_id)
    if lecture is None:
        raise NotCarried("no-module", f"no lecture of module {row.module_id!r} was taken over")
    position_s = min(_position_s(row, lecture.duration_s), lecture.duration_s)
    position_at = _time(row.updated_at_s, now)
    return ViewerPosition(
        user_id=row.user_id,
        course_id=lecture.course_id,
        video_id=lecture.video_id,
        position_s=position_s,
        position_at=position_at,
        seen_s=round(position_s, 2),
        completed_at=_known_time(position_at, now) if _is_true(row.completed) else None,
    )


def merge_places(places: Iterable[ViewerPosition]) -> list[ViewerPosition]:
    """Merges the positions per user and video: the newest, with the furthest and any completion."""
    found: dict[tuple[str, object], ViewerPosition] = {}
    for place in sorted(places, key=lambda place: place.position_at):
        key = place.user_id, place.video_id
        older = found.get(key, place)
        found[key] = replace(
            place,
            seen_s=max(place.seen_s, older.seen_s),
            completed_at=older.completed_at or place.completed_at,
        )
    return list(found.values())


def _position_s(row: LegacyProgress, duration_s: float) -> float:
    if row.seconds is not None:
        return _number(row.seconds)
    if row.percent is not None:
        return _number(row.percent) / 100 * duration_s
    return 0.0


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise NotCarried("unreadable", f"{text!r} is no place in a video")
    return number


def _is_true(word: str | None) -> bool:
    word = (word or "").strip().lower()
    if word not in (*TRUE_WORDS, *FALSE_WORDS):
        raise NotCarried("unreadable", f"{word!r} does not tell whether it was completed")
    return word in TRUE_WORDS


def _time(seconds: float | None, now: datetime) -> datetime:
    """Dates from the future are dropped: they would win over all reports until then."""
    if seconds is None or not 0 <= seconds <= now.timestamp():
        return UNKNOWN_TIME
    return datetime.fromtimestamp(seconds, UTC)


def _known_time(time: datetime, now: datetime) -> datetime:
    return now if time == UNKNOWN_TIME else time
