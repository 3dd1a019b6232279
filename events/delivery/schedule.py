"""Order of delivery: which of the waiting events may be sent now. Pure.

Events of one video's making and events of one person arrive in the order of the log, and so do all
that are of the same video and person. Others do not wait for each other, so one that is refused
again and again delays only those behind it.
"""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from db.pool import Row

OF_VIDEOS = "video."


@dataclass(frozen=True, slots=True)
class Choice:
    """Rows to send now, and when to look again at the latest, if anything waits for its time."""

    rows: Sequence[Row]
    next_in_s: float | None


def choose(
    waiting: Iterable[Row], busy_ids: Collection[int], room: int, *, in_one_request: bool = False
) -> Choice:
    """Chooses at most `room` rows of those waiting, which are in the order of the log.

    Rows that go `in_one_request` may follow each other in it.
    """
    chosen: list[Row] = []
    blocked: set[Hashable] = set()
    pauses = []
    for row in waiting:
        keys = set(_keys(row))
        is_due = row.due_in_s <= 0
        is_free = row.id not in busy_ids and blocked.isdisjoint(keys)
        if is_free and not is_due:
            pauses.append(row.due_in_s)
        if is_free and is_due and len(chosen) < room:
            chosen.append(row)
            if in_one_request:
                continue
        blocked |= keys
    return Choice(chosen, min(pauses, default=None))


def _keys(row: Row) -> Iterator[Hashable]:
    """Yields what the row shares with those that it must not overtake."""
    yield ("video", row.video_id) if row.type.startswith(OF_VIDEOS) else ("user", row.user_id)
    if row.video_id is not None:
        yield ("both", row.video_id, row.user_id)
