"""Replay of missed events from the log, filtered by the stream's viewpoint.

Decides whether a client can resume from an event id. When a stream is up to date is decided in
subscriber.py.
"""

from dataclasses import dataclass

from db.log import event_log, resumption
from db.pool import Database, Row
from events.log import log
from events.log.types import Event, PlaybackProgressed
from events.stream.visibility import Viewpoint

LONGEST = 10_000  # events visible to the stream; further behind, a reset is cheaper
PAGE = 200


@dataclass(frozen=True, slots=True)
class Start:
    """Start of a stream: after `after_id`; `is_reset` when the requested id cannot be resumed."""

    after_id: int
    is_reset: bool = False


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events up to and including `up_to_id`, oldest first, with their ids."""

    events: list[tuple[int, Event]]
    up_to_id: int


class Replay:
    """Reads the log for one viewpoint."""

    __slots__ = ("_database", "_packed_id", "_viewpoint")

    def __init__(self, database: Database, viewpoint: Viewpoint) -> None:
        self._database = database
        self._viewpoint = viewpoint
        self._packed_id = 0  # the highest known: what is below may be packed

    async def start(self, after_id: int, position: int) -> Start:
        """Decides whether to resume after `after_id`, for a hub that has published `position`.

        The newest id is searched for in every partition of the log, so only for an id above
        `position`, which another process may have published, and for a reset.
        """
        gaps = await resumption.read_gaps(self._database, after_id)
        if gaps.is_lost or after_id < self._lost_id(gaps):
            return await self._reset()
        newest_id = position if after_id <= position else await self._newest_id()
        self._packed_id = gaps.packed_id
        if after_id > newest_id or await self._is_too_far(after_id, newest_id):
            return await self._reset()
        return Start(after_id)

    async def page(self, after_id: int, up_to_id: int) -> EventPage | Start:
        """Returns the next events after `after_id`, or a reset when some were dropped meanwhile."""
        is_packed = after_id < self._packed_id
        rows = await self._read(after_id, up_to_id)
        # Queried after reading, so that it covers everything packed or dropped before.
        dropped = await self._read_dropped()
        if after_id < self._packed_id and not is_packed:
            rows = await self._read(after_id, up_to_id)
            dropped = await self._read_dropped()
        if self._lost_id(dropped) > after_id:
            return Start(max(await self._newest_id(), up_to_id), is_reset=True)
        reached = rows[-1].id if len(rows) == PAGE else up_to_id
        return EventPage(log.read_rows(rows), reached)

    async def _read(self, after_id: int, up_to_id: int) -> list[Row]:
        return await event_log.read_visible(
            self._database,
            self._viewpoint.event_filter(),
            after_id,
            up_to_id,
            PAGE,
            with_packed=after_id < self._packed_id,
        )

    async def _read_dropped(self) -> event_log.Dropped:
        dropped = await event_log.read_dropped(self._database)
        self._packed_id = dropped.packed_id
        return dropped

    async def _is_too_far(self, after_id: int, newest_id: int) -> bool:
        if newest_id - after_id <= LONGEST:
            return False
        missed = await event_log.count_visible(
            self._database,
            self._viewpoint.event_filter(),
            after_id,
            newest_id,
            LONGEST + 1,
            with_packed=after_id < self._packed_id,
        )
        return missed > LONGEST

    async def _reset(self) -> Start:
        return Start(await self._newest_id(), is_reset=True)

    async def _newest_id(self) -> int:
        return (await event_log.read_bounds(self._database)).newest_id

    def _lost_id(self, dropped: event_log.Dropped) -> int:
        """The highest id up to which an event may be missing that the stream would show."""
        shows_progress = self._viewpoint.filters.shows(PlaybackProgressed.name)
        return dropped.thinned_id if shows_progress else dropped.dropped_id
