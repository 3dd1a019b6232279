"""Mapping with a bounded number of entries.

When full it evicts the entry that was put or renewed the longest ago. For one event loop: no locks.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class CacheFigures(NamedTuple):
    """The number of entries, and of look-ups that found one and that did not, so far."""

    entry_count: int
    hit_count: int
    miss_count: int


class BoundedCache(Generic[Key, Value]):
    """`get` renews an entry that it finds, `peek` does not. No value may be None.

    `get` is counted, `peek` is not: it is a dictionary's own method.
    """

    __slots__ = ("_capacity", "_entries", "_hit_count", "_miss_count", "peek", "renew")

    peek: Callable[[Key], Value | None]
    renew: Callable[[Key], None]

    def __init__(self, capacity: int) -> None:
        self._hit_count = self._miss_count = 0
        self._capacity = capacity
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        # Bound methods, to save a call: a range that is answered at once reads several caches.
        self.peek = self._entries.get
        self.renew = self._entries.move_to_end

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        """Iterates over the keys, the next to be evicted first."""
        return iter(self._entries)

    def items(self) -> list[tuple[Key, Value]]:
        """A snapshot of the entries, the next to be evicted first."""
        return list(self._entries.items())

    def get(self, key: Key) -> Value | None:
        value = self._entries.get(key)
        if value is None:
            self._miss_count += 1
        else:
            self._hit_count += 1
            self._entries.move_to_end(key)
        return value

    def count_stale(self) -> None:
        """Counts the entry that `get` has just returned as not found: it is too old to be used."""
        self._hit_count -= 1
        self._miss_count += 1

    def figures(self) -> CacheFigures:
        return CacheFigures(len(self._entries), self._hit_count, self._miss_count)

    def put(self, key: Key, value: Value) -> Value | None:
        """Insert or renew an entry; returns the value that was evicted for it, if any."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) <= self._capacity:
            return None
        return self._entries.popitem(last=False)[1]

    def forget(self, key: Key) -> Value | None:
        """Remove an entry; returns its value, if there was one."""
        return self._entries.pop(key, None)

    def clear(self) -> None:
        self._entries.clear()
