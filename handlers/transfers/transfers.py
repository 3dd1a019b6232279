"""Running transfers, and their end on withdrawal, deletion and shutdown.

It opens no file and touches no socket: `on_end` of an ended transfer is called, and its runner
closes the connection.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from functools import partial
from typing import Literal, Self, get_args
from uuid import UUID

from handlers.token_bucket import TokenBucket
from handlers.transfers.figures import Doing, PurposeFigures

Purpose = Literal["stream", "download", "thumbnail"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
STREAMS: tuple[Purpose, ...] = ("stream", "download")

# A bearer token depends on no version of an enrolment: a new role does not end its transfers.
UNVERSIONED = 0.0
# No enrolment allowed it to admin and service, so none ends it.
BY_OWN_RIGHT = math.inf

# Ended transfers leave within an iteration or two of the loop; the rest is for a busy one.
_LONGEST_FAREWELL_S = 2.0


class Outcome(Enum):
    """The reason why a transfer ended."""

    COMPLETE = "complete"
    CLIENT_GONE = "left by its client"
    STALLED = "stalled"
    ENDED = "ended by the server"
    TRUNCATED = "cut short by its file"
    FAILED = "failed"


BROKEN = tuple(one for one in Outcome if one is not Outcome.COMPLETE)


def reason_of(outcome: Outcome) -> str:
    """Name of an outcome in the metrics."""
    return outcome.name.lower()


class CountedBytes:
    """Bytes sent to a user of a video; `sent_bytes` counts bodies alone, at any time."""

    __slots__ = ("_transfers", "course_id", "purpose", "sent_bytes", "user_id", "video_id")

    def __init__(
        self,
        transfers: "Transfers",
        user_id: str,
        course_id: str,
        video_id: UUID,
        purpose: Purpose,
    ) -> None:
        self._transfers = transfers
        self.user_id = user_id
        self.course_id = course_id
        self.video_id = video_id
        self.purpose: Purpose = purpose
        self.sent_bytes = 0

    def take_back(self, size_bytes: int) -> None:
        """Uncount bytes that the client did not receive after all."""
        self._transfers.take_back(self, size_bytes)


class Transfer(CountedBytes):
    """One response on its way to one client.

    `version` is that of the enrolment which allowed it, `session_id` that of the grant; a token has
    none. `bandwidth`, in bytes, is shared by all transfers of a user; None is no limit. It
    `is_counted` among the streams of a user who may have so many at once. Its runner sets `on_end`,
    which is called to stop it, and `doing`, which tells what it does.
    """

    __slots__ = (
        "_opened_s",
        "bandwidth",
        "doing",
        "is_counted",
        "is_ended",
        "is_launched",
        "on_end",
        "outcome",
        "session_id",
        "version",
    )

    def __init__(
        self,
        transfers: "Transfers",
        user_id: str,
        course_id: str,
        video_id: UUID,
        purpose: Purpose,
        version: float,
        bandwidth: TokenBucket | None,
        session_id: str,
        *,
        is_counted: bool,
    ) -> None:
        super().__init__(transfers, user_id, course_id, video_id, purpose)
        self._opened_s = time.monotonic()
        self.version = version
        self.bandwidth = bandwidth
        self.session_id = session_id
        self.is_counted = is_counted
        self.outcome: Outcome | None = None
        self.is_ended = False
        self.is_launched = False  # it goes on by itself when its handler has returned
        self.on_end: Callable[[], None] | None = None
        self.doing: Callable[[], Doing] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends with the block, unless it was launched in it."""
        if not self.is_launched:
            self.finish(self.outcome)

    def end(self) -> None:
        """Stop it where it is; also before it began, and more than once."""
        if self.is_ended:
            return
        self.is_ended = True
        if self.on_end is not None:
            self.on_end()

    def finish(self, outcome: Outcome | None) -> None:
        """Record its end and remove it from the running ones."""
        self.outcome = outcome
        self.on_end = self.doing = None
        self._transfers.forget(self)

    def note_asked(self, size_bytes: int) -> None:
        """Count the size of the body that it is to send."""
        self._transfers.figures[self.purpose].asked_bytes.observe(size_bytes)

    def note_first_byte(self) -> None:
        """The first bytes of its body were sent just now."""
        self._transfers.figures[self.purpose].first_byte_s.observe(self.age_s)

    @property
    def state(self) -> Doing:
        """Sending, or its wait, at the moment; one that is about to begin is sending."""
        return Doing.SENDING if self.doing is None else self.doing()

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._opened_s

    @asynccontextmanager
    async def until_ended(self) -> AsyncIterator[Callable[[], None]]:
        """Run a block that `end`, or what it is given, interrupts at its next await.

        Raises: TimeoutError in place of what was interrupted; `end` has set `is_ended`.
        """
        if self.is_ended:
            raise TimeoutError
        async with asyncio.timeout(None) as scope:
            self.on_end = partial(scope.reschedule, 0.0)
            try:
                yield self.on_end
            finally:
                self.on_end = None


class Tally(CountedBytes):
    """The sum of responses to one user of one video that were sent in one call.

    They do not run and cannot be ended, so they are no transfers, only their sum counts.
    """

    __slots__ = ("_asked_bytes",)

    def __init__(
        self,
        transfers: "Transfers",
        user_id: str,
        course_id: str,
        video_id: UUID,
        purpose: Purpose,
    ) -> None:
        super().__init__(transfers, user_id, course_id, video_id, purpose)
        self._asked_bytes = transfers.figures[purpose].asked_bytes

    def note_sent(self, size_bytes: int) -> None:
        """Count a whole response."""
        self._asked_bytes.observe(size_bytes)
        self.add(size_bytes)

    def add(self, size_bytes: int) -> None:
        if self.sent_bytes == 0:
            self._transfers.note(self)
        self.sent_bytes += size_bytes


class Transfers:
    """The transfers that run in this process. `on_finished` is called with each when it is over,
    and periodically with tallies. `elsewhere` returns a user's streams in other processes."""

    def __init__(
        self,
        on_finished: Callable[[Transfer | Tally], None] | None = None,
        elsewhere: Callable[[str], int] | None = None,
    ) -> None:
        self._elsewhere = elsewhere
        self._on_finished = on_finished
        self._running: set[Transfer] = set()
        self._tallies: list[Tally] = []
        self._streams: Counter[str] = Counter()  # by user
        self._sent_bytes: Counter[Purpose] = Counter()
        self.figures = {purpose: PurposeFigures() for purpose in PURPOSES}
        self.broken_counts = Counter({reason_of(one): 0 for one in BROKEN})
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._running)

    def __iter__(self) -> Iterator[Transfer]:
        """A snapshot of the running transfers."""
        return iter(tuple(self._running))

    def open(
        self,
        user_id: str,
        course_id: str,
        video_id: UUID,
        purpose: Purpose,
        version: float = UNVERSIONED,
        bandwidth: TokenBucket | None = None,
        session_id: str = "",
        *,
        is_limited: bool = True,
    ) -> Transfer:
        """A transfer that runs until its `finish`; `is_limited`: its user may have only so many."""
        is_counted = is_limited and purpose in STREAMS
        transfer = Transfer(
            *(self, user_id, course_id, video_id, purpose, version, bandwidth, session_id),
            is_counted=is_counted,
        )
        self._running.add(transfer)
        if is_counted:
            self._streams[user_id] += 1
        if len(self._running) == 1:
            self._idle.clear()
        return transfer

    def forget(self, transfer: Transfer) -> None:
        """Called by a transfer that is over."""
        self._running.discard(transfer)
        if transfer.is_counted:
            self._streams[transfer.user_id] -= 1
            if not self._streams[transfer.user_id]:
                del self._streams[transfer.user_id]
        self._note_end(transfer)
        self._report(transfer)
        if not self._running:
            self._idle.set()

    def note(self, tally: Tally) -> None:
        """Called by a tally whose sum is no longer zero."""
        self._tallies.append(tally)

    def take_back(self, counted: CountedBytes, size_bytes: int) -> None:
        """Count less by so much for whom it was counted."""
        if size_bytes:
            own = Tally(self, counted.user_id, counted.course_id, counted.video_id, counted.purpose)
            own.add(-size_bytes)

    def settle(self) -> None:
        """Report the tallies, and begin them anew."""
        tallies, self._tallies = self._tallies, []
        for tally in tallies:
            self._report(tally)
            tally.sent_bytes = 0

    def count(self, purpose: Purpose) -> int:
        """Number of running transfers for this purpose."""
        return sum(transfer.purpose == purpose for transfer in self._running)

    def count_by_doing(self) -> Counter[str]:
        """Number of running transfers by their state."""
        counts = Counter({one.value: 0 for one in Doing})
        counts.update(one.state.value for one in self._running)
        return counts

    def streams_of(self, user_id: str) -> int:
        """Number of running streams and downloads of a limited user, in all processes."""
        own = self._streams.get(user_id, 0)
        return own if self._elsewhere is None else own + self._elsewhere(user_id)

    def streams_by_user(self) -> Mapping[str, int]:
        """Number of running streams and downloads in this process."""
        return self._streams

    def sent_bytes(self, purpose: Purpose) -> int:
        """Bytes of bodies sent for this purpose, those included that are on their way."""
        unreported: list[CountedBytes] = [*self._running, *self._tallies]
        return self._sent_bytes[purpose] + sum(
            one.sent_bytes for one in unreported if one.purpose == purpose
        )

    def end_for(
        self,
        user_id: str,
        course_id: str,
        version: float = BY_OWN_RIGHT,
        *,
        is_withdrawn: bool = True,
    ) -> int:
        """End what older versions of an enrolment allowed; returns the number of transfers."""
        oldest = UNVERSIONED if is_withdrawn else UNVERSIONED + 1
        return self._end_where(
            lambda t: (
                t.user_id == user_id and t.course_id == course_id and oldest <= t.version < version
            )
        )

    def end_for_video(self, video_id: UUID) -> int:
        """End every transfer of a deleted video; returns their number."""
        return self._end_where(lambda t: t.video_id == video_id)

    def end_surplus(self, user_id: str, kept: int) -> None:
        """End streams of a user until `kept` are left."""
        running = [t for t in self._running if t.user_id == user_id and t.is_counted]
        for transfer in running[kept:]:
            transfer.end()

    async def drain(self, timeout_s: float) -> int:
        """Let transfers finish for `timeout_s`, then end the rest; returns their number."""
        if await self._is_idle_within(timeout_s):
            return 0
        ended = self._end_where(lambda _: True)
        await self._is_idle_within(_LONGEST_FAREWELL_S)
        return ended

    def _note_end(self, transfer: Transfer) -> None:
        """Only of those that sent something: others answered with a head alone."""
        if transfer.sent_bytes:
            self.figures[transfer.purpose].duration_s.observe(transfer.age_s)
        if transfer.outcome in BROKEN:
            self.broken_counts[reason_of(transfer.outcome)] += 1

    def _report(self, ended: Transfer | Tally) -> None:
        self._sent_bytes[ended.purpose] += ended.sent_bytes
        if self._on_finished is not None:
            self._on_finished(ended)

    def _end_where(self, is_meant: Callable[[Transfer], bool]) -> int:
        meant = [transfer for transfer in self._running if is_meant(transfer)]
        for transfer in meant:
            transfer.end()
        return len(meant)

    async def _is_idle_within(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True
