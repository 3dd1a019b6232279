"""Postings: use of the limits per user, as processes report it to each other.

Pure. `taken` are sums that only grow while they are posted, so that a posting that nobody read is
contained in the next; `running` are numbers of now.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

# A user is posted for so many postings after the last use. More than one, so that every reader has
# met the end of a sum before the user's next sum begins at zero.
QUIET_POSTINGS = 8
# Half a second each. A process that has posted nothing new for so many was probably killed: what
# ran there comes back here before its posting expires, and must not be refused.
SILENT_READINGS = 3


class Posting(msgspec.Struct, frozen=True):
    """By limit and user: the amounts taken, and what is running now."""

    taken: dict[str, dict[str, float]] = {}
    running: dict[str, dict[str, int]] = {}
    number: int = 0
    """Grows with each of a process; 0 from a version that did not count them."""


class Charge(NamedTuple):
    """An amount that a user took from a limit in another process."""

    limit: str
    user_id: str
    amount: float


class PostedSums:
    """The sums of this process for one limit."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._quiet: dict[str, int] = {}  # postings since the last use

    def add(self, amounts: Mapping[str, float]) -> dict[str, float]:
        """Adds what was taken since the last call; returns all that is to be posted."""
        for user_id in [user_id for user_id in self._sums if user_id not in amounts]:
            self._age(user_id)
        for user_id, amount in amounts.items():
            self._sums[user_id] = self._sums.get(user_id, 0.0) + amount
            self._quiet[user_id] = 0
        return dict(self._sums)

    def _age(self, user_id: str) -> None:
        self._quiet[user_id] += 1
        if self._quiet[user_id] > QUIET_POSTINGS:
            del self._sums[user_id], self._quiet[user_id]


class Others:
    """The last postings of the other processes."""

    def __init__(self) -> None:
        self._postings: dict[str, Posting] = {}
        self._repeats: dict[str, int] = {}  # readings that brought nothing new, by process
        # By limit and user, filled between two readings: adding up takes a microsecond each time.
        self._counted: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._postings)

    def read(self, postings: Mapping[str, Posting]) -> Iterator[Charge]:
        """Replaces the last reading at once; returns what was taken since.

        Of a process that was not in the last reading nothing is charged: what it took may be long
        ago.
        """
        before, self._postings = self._postings, dict(postings)
        self._repeats = {
            process_id: self._repeats.get(process_id, 0) + 1
            for process_id, posting in self._postings.items()
            if posting.number and process_id in before
            if posting.number == before[process_id].number
        }
        for counted in self._counted.values():
            counted.clear()
        return (
            charge
            for process_id, posting in postings.items()
            if process_id in before
            for charge in _since(before[process_id], posting)
        )

    def running(self, limit: str, user_id: str) -> int:
        """Number of a user in all other processes."""
        return sum(
            posting.running.get(limit, _NOTHING).get(user_id, 0) for _, posting in self._living()
        )

    def running_before(self, process_id: str, limit: str, user_id: str) -> int:
        """Number of a user in the processes that come before `process_id`."""
        return sum(
            posting.running.get(limit, _NOTHING).get(user_id, 0)
            for other_id, posting in self._living()
            if other_id < process_id
        )

    def total(self, limit: str) -> int:
        """Number of all users in all other processes."""
        return sum(
            sum(posting.running.get(limit, _NOTHING).values()) for _, posting in self._living()
        )

    def _living(self) -> list[tuple[str, Posting]]:
        """Postings, but for those of processes that were probably killed."""
        return [
            (process_id, posting)
            for process_id, posting in self._postings.items()
            if self._repeats.get(process_id, 0) < SILENT_READINGS
        ]

    def counter(self, limit: str) -> Callable[[str], int]:
        """Returns `running` of a limit, for each request."""
        counted = self._counted.setdefault(limit, {})

        def count(user_id: str) -> int:
            number = counted.get(user_id)
            if number is None:
                number = counted[user_id] = self.running(limit, user_id)
            return number

        return count


_NOTHING: dict[str, int] = {}


def _since(before: Posting, now: Posting) -> Iterator[Charge]:
    for limit, sums in now.taken.items():
        earlier = before.taken.get(limit, {})
        for user_id, taken in sums.items():
            amount = taken - earlier.get(user_id, 0.0)
            if amount > 0.0:
                yield Charge(limit, user_id, amount)
