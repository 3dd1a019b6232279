"""The exchange: posts what users took here, and charges them here with what they took elsewhere.

It runs in the background and no request waits for it. A limit asks only this process: its buckets,
from which the exchange takes what others gave, and the last reading of what runs elsewhere. While
the board is away each process counts for itself.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

import msgspec

from events.errors import BoardUnavailable
from events.usage.board import LEASE_S, Board
from events.usage.postings import Others, PostedSums, Posting
from storage.concurrency.tasks import Periodic

logger = logging.getLogger(__name__)

INTERVAL_S = 0.5
CHARGES_A_TURN = 1000  # about a millisecond, after which requests have their turn
LAST_WORD_S = 1.0  # for the removal of the posting at the stop


class AmountLimit(Protocol):
    """A limit of amounts over time, such as requests."""

    def collect(self) -> Mapping[str, float]:
        """Returns what each user took since the last call."""
        ...

    def charge(self, user_id: str, amount: float, now_s: float) -> None:
        """Takes from a user what was given elsewhere."""
        ...


@dataclass(frozen=True, slots=True)
class ConcurrencyLimit:
    """A limit of things at once, such as streams. `end_surplus` may end those of a user beyond a
    number, when processes together admitted more than one would have."""

    count_by_user: Callable[[], Mapping[str, int]]
    most: int
    end_surplus: Callable[[str, int], None] | None = None


@dataclass(slots=True)
class SharedLimits:
    """The limits that are shared, by name."""

    taken: Mapping[str, AmountLimit] = field(default_factory=dict)
    running: Mapping[str, ConcurrencyLimit] = field(default_factory=dict)


class Exchange:
    """Exchanges postings on a board every half second. `others` is its last reading."""

    def __init__(
        self,
        board: Board,
        limits: SharedLimits,
        others: Others,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.process_id = uuid4().hex
        self.failure_count = 0
        self.is_up = False
        self._board = board
        self._limits = limits
        self._others = others
        self._clock = clock
        self._sums = {name: PostedSums() for name in limits.taken}
        self._has_warned = False
        self._number = 0
        self._read_at_s = -LEASE_S
        self._periodic = Periodic("shared limits", self.step, INTERVAL_S)

    def start(self) -> None:
        self._periodic.start()

    async def stop(self) -> None:
        """Stops, and gives back at once what would else expire."""
        await self._periodic.stop()
        try:
            async with asyncio.timeout(LAST_WORD_S):
                await self._board.remove(self.process_id)
        except (BoardUnavailable, TimeoutError):
            pass
        await self._board.close()

    async def step(self) -> None:
        posting = msgspec.msgpack.encode(self._posting())
        try:
            found = await self._board.exchange(self.process_id, posting)
        except BoardUnavailable as exc:
            self._be_alone(exc)
        else:
            await self._have_read(found)

    def totals(self) -> dict[str, int]:
        """The numbers of things at once in all processes, by limit."""
        return {
            name: sum(one.count_by_user().values()) + self._others.total(name)
            for name, one in self._limits.running.items()
        }

    def _posting(self) -> Posting:
        limits = self._limits
        self._number += 1
        return Posting(
            {name: self._sums[name].add(one.collect()) for name, one in limits.taken.items()},
            {name: dict(one.count_by_user()) for name, one in limits.running.items()},
            self._number,
        )

    async def _have_read(self, found: Mapping[str, bytes]) -> None:
        now_s = self._read_at_s = self._clock()
        for number, charge in enumerate(self._others.read(await _decoded(found)), 1):
            if (limit := self._limits.taken.get(charge.limit)) is not None:
                limit.charge(charge.user_id, charge.amount, now_s)
            if number % CHARGES_A_TURN == 0:
                await asyncio.sleep(0)
        for name, running in self._limits.running.items():
            if running.end_surplus is not None:
                self._end_surplus(name, running)
        if self._has_warned:
            logger.info("limits are shared again")
        self.is_up, self._has_warned = True, False

    def _end_surplus(self, name: str, running: ConcurrencyLimit) -> None:
        """Ends a user's surplus here; processes keep theirs in the order of their ids."""
        for user_id, count in list(running.count_by_user().items()):
            if count + self._others.running(name, user_id) > running.most:
                before = self._others.running_before(self.process_id, name, user_id)
                if count > (kept := max(0, running.most - before)):
                    running.end_surplus(user_id, kept)  # type: ignore[misc]

    def _be_alone(self, exc: BoardUnavailable) -> None:
        """The last reading holds as long as the postings in it would have."""
        self.failure_count += 1
        self.is_up = False
        if self._clock() - self._read_at_s < LEASE_S:
            return
        self._others.read({})
        if not self._has_warned:
            logger.warning("limits are not shared, each process counts for itself: %s", exc)
            self._has_warned = True


async def _decoded(found: Mapping[str, bytes]) -> dict[str, Posting]:
    """Postings of other versions and foreign bytes are passed over.

    Between two of them requests have their turn: one of 2 MiB, the most, takes milliseconds.
    """
    postings = {}
    for process_id, text in found.items():
        try:
            postings[process_id] = msgspec.msgpack.decode(text, type=Posting)
        except msgspec.MsgspecError:
            continue
        await asyncio.sleep(0)
    return postings
