"""Observations of viewers while bytes are sent to them: short windows in memory, kept on demand.

A process watches what its transfers wait for, second by second, and remembers two minutes of each
viewer. They are stored where a player has reported a stall, by whichever process it did; refusals
and ended transfers, which are rare, always. Bounded: the viewers longest without a transfer are
forgotten first, and so are refusals beyond the bound. A killed process takes its windows along.
A user who plays a video in two tabs is two viewers, by the sessions of their grants. Edges that
fetch in their own name are one viewer of each video, `EDGES`.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from uuid import UUID, uuid4

from db.insight import moments
from db.pool import Database
from db.progress.report_batch import Moment
from events.errors import OUTAGES
from storage.concurrency.bounded_cache import BoundedCache
from storage.concurrency.tasks import Periodic

WINDOW_S = 5
WINDOWS = 24
MOST_VIEWERS = 20_000
MOST_REFUSALS = 1000
STORE_INTERVAL_S = 5.0
STALLS_AT_ONCE = 1000
SERVED, REFUSED = "served", "refused"
EDGES = ""  # as a user
VIEWERS, PROCESS = "viewers", "process"  # details of how many were served beside, and by which

Viewer = tuple[str, UUID, str]  # user, video, session; the last is empty where nothing names it


@dataclass(slots=True)
class Window:
    """The waits of a viewer's transfers for up to `WINDOW_S`, in seconds of watching them; several
    that wait for the same are one wait. `viewers`: people who had transfers at the time."""

    began_at: datetime
    watched_s: float = 0.0
    client_s: float = 0.0
    disk_s: float = 0.0
    paced_s: float = 0.0
    lag_s: float = 0.0
    sent_bytes: int = 0
    viewers: int = 0
    is_stored: bool = False

    def moment(self, viewer: Viewer, process: str) -> Moment:
        details: dict[str, object] = {
            "seconds": round(self.watched_s, 1),
            "waited_for_client_s": round(self.client_s, 1),
            "waited_for_disk_s": round(self.disk_s, 1),
            "paced_s": round(self.paced_s, 1),
            "late_s": round(self.lag_s, 1),
            "bytes": self.sent_bytes,
            VIEWERS: self.viewers,
            PROCESS: process,
        }
        if viewer[0] == EDGES:
            details["to"] = "edge"
        return Moment(*viewer, self.began_at, SERVED, details)


@dataclass(slots=True)
class Observations:
    """The windows and refusals of a process. `dropped_count`: refusals beyond the bound."""

    dropped_count: int = 0
    _windows: BoundedCache[Viewer, deque[Window]] = field(
        default_factory=lambda: BoundedCache(MOST_VIEWERS)
    )
    _refusals: dict[tuple[Viewer, str], datetime] = field(default_factory=dict)
    _newest_stall: int | None = None
    _process: str = field(default_factory=lambda: uuid4().hex[:8])

    def window(self, viewer: Viewer, now: datetime) -> Window:
        """Returns the viewer's window of this moment."""
        windows = self._windows.get(viewer)
        if windows is None:
            windows = deque(maxlen=WINDOWS)
            self._windows.put(viewer, windows)
        if not windows or (now - windows[-1].began_at).total_seconds() >= WINDOW_S:
            windows.append(Window(now))
        return windows[-1]

    def refuse(self, viewer: Viewer, code: str) -> None:
        """Notes a refused request, or an ended transfer; of those that repeat, the first."""
        if (viewer, code) in self._refusals:
            return
        if len(self._refusals) < MOST_REFUSALS:
            self._refusals[viewer, code] = datetime.now(UTC)
        else:
            self.dropped_count += 1

    @property
    def refusal_count(self) -> int:
        """Number of refusals that are not stored yet."""
        return len(self._refusals)

    def storing(self, database: Database) -> Periodic:
        return Periodic("observations", partial(self.store, database), STORE_INTERVAL_S, OUTAGES)

    async def store(self, database: Database) -> None:
        """Stores refusals, and the windows of who has reported a stall. Raises: DatabaseError."""
        if self._newest_stall is None:
            self._newest_stall = await moments.newest_stall(database)
        stalls = await moments.list_stalls_after(database, self._newest_stall, STALLS_AT_ONCE)
        asked = {(who, stall.video_id) for stall in stalls for who in (stall.user_id, EDGES)}
        windows = [
            (viewer, window)
            for viewer, remembered in (self._windows.items() if asked else ())
            if viewer[:2] in asked
            for window in remembered
            if not window.is_stored
        ]
        refusals = dict(self._refusals)
        found = [window.moment(viewer, self._process) for viewer, window in windows]
        found += [
            Moment(*viewer, at, REFUSED, {"code": code}) for (viewer, code), at in refusals.items()
        ]
        if found:
            async with database.transaction() as transaction:
                await moments.add(transaction, found)
        for _, window in windows:
            window.is_stored = True
        for key in refusals:
            self._refusals.pop(key, None)
        if stalls:
            self._newest_stall = stalls[-1].id
