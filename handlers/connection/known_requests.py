"""Requests whose responses are known: the store, its keys, and templates of response heads.

Both shortcuts use it. The key of a request is its bytes without some digits, or a keyed hash of
them, from which no token can be read. Bounded: the least recently used request is evicted. No HTTP
is parsed here.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Generic, TypeVar

from aiohttp import hdrs

from handlers.delivery import head

KNOWN_REQUESTS = 10_000

Known = TypeVar("Known")

# Fields that differ between responses; the full path made the rest of the head.
_HOLES = {
    hdrs.CONTENT_LENGTH: "%(length)s",
    hdrs.DATE: "%(date)s",
    "X-Request-ID": "%(request_id)s",
}
# Filled in for each response.
_PER_ANSWER = {
    "date": "%(date)b",
    "length": "%(length)d",
    "first": "%(first)d",
    "last": "%(last)d",
    "request_id": "%(request_id)032x",
}


class KnownRequests(Generic[Known]):
    """A bounded store of decisions, for all connections of a process."""

    def __init__(self, capacity: int = KNOWN_REQUESTS) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[bytes, Known] = OrderedDict()
        self._keyed = blake2b(digest_size=16, key=secrets.token_bytes(32))

    def __len__(self) -> int:
        return len(self._entries)

    def key(self, *texts: bytes) -> bytes:
        """A keyed hash. Reports are kept under their bytes: the entry has the grant anyway."""
        keyed = self._keyed.copy()
        for text in texts:
            keyed.update(text)
        return keyed.digest()

    def get(self, key: bytes) -> Known | None:
        """Does not renew the entry: `renew` follows for a request that is answered."""
        return self._entries.get(key)

    def renew(self, key: bytes) -> None:
        """Make it the most recently used."""
        self._entries.move_to_end(key)

    def remember(self, key: bytes, known: Known) -> None:
        self._entries[key] = known
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)


def head_template(status: int, fields: head.Fields, holes: Mapping[str, str] | None = None) -> str:
    """The head of a response, for `fill`; `holes` maps more fields to their placeholders."""
    template = head.template("1.1", status, fields, {**_HOLES, **(holes or {})})
    # Filled in twice: what is escaped must still be so after the first time.
    return template.replace("%%", "%%%%")


def fill(template: str, **values: str) -> bytes:
    """A head with holes for what differs with each answer: `length`, `request_id`, `date` unless it
    is among the values, and `first` and `last` of a range."""
    escaped = {name: value.replace("%", "%%") for name, value in values.items()}
    return (template % {**_PER_ANSWER, **escaped}).encode()
