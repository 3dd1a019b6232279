"""A mapping that holds a bounded number of entries; every floor may import it.

Full, it forgets the entry that was put or renewed the longest ago. For one event loop: no locks.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class BoundedCache(Generic[Key, Value]):
    """`get` renews an entry that it finds, `peek` does not. No value may be None."""

    __slots__ = ("_capacity", "_entries", "peek", "renew")

    peek: Callable[[Key], Value | None]
    renew: Callable[[Key], None]

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        # The methods themselves: a range that is answered at once looks into several caches.
        self.peek = self._entries.get
        self.renew = self._entries.move_to_end

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: Key) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[Key]:
        """The keys, the next to be forgotten first."""
        return iter(self._entries)

    def items(self) -> list[tuple[Key, Value]]:
        """The entries as they are now, the next to be forgotten first."""
        return list(self._entries.items())

    def get(self, key: Key) -> Value | None:
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> Value | None:
        """Returns the value of the entry that had to be forgotten for it, if any."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) <= self._capacity:
            return None
        return self._entries.popitem(last=False)[1]

    def forget(self, key: Key) -> Value | None:
        """Returns the value that was there, if any."""
        return self._entries.pop(key, None)

    def clear(self) -> None:
        self._entries.clear()
