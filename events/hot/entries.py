"""Entries of the shelf: facts as bytes, with the version that they are of.

Pure. An entry that another version of the service wrote has another shape, and so another prefix of
its key: the two never read each other's.
"""

from collections.abc import Hashable
from hashlib import sha256
from typing import Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

from db.course_outlines import Outline
from db.videos.video import Video

# As many as 2**63 has, and a sign's worth more: texts compare as the numbers do.
VERSION_DIGITS = 20


class Versioned(Protocol):
    """Facts of something, of which the database counts versions."""

    @property
    def id(self) -> Hashable: ...

    @property
    def version(self) -> int: ...


Facts = TypeVar("Facts", bound=Versioned)


class Kind(Generic[Facts]):
    """Entries of one kind of facts: their keys, their bytes, and how many are kept."""

    def __init__(self, name: str, shape: type[Facts], most_entries: int, max_bytes: int) -> None:
        digest = sha256(msgspec.json.encode(msgspec.json.schema(shape))).hexdigest()[:12]
        self.kept_key = f"coursestream:{name}:kept"
        self.most_entries = most_entries
        self.max_bytes = max_bytes
        self._prefix = f"coursestream:{name}:{digest}:"
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(shape)

    def key_of(self, facts_id: object) -> str:
        return f"{self._prefix}{facts_id}"

    def encode(self, facts: Facts) -> bytes | None:
        """None for facts that are too large to be kept."""
        entry = version_text(facts.version) + self._encoder.encode(facts)
        return entry if len(entry) <= self.max_bytes else None

    def decode(self, entry: bytes, facts_id: object, version: int) -> Facts | None:
        """The facts of that id in that version; None for any others, and for foreign bytes."""
        if entry[:VERSION_DIGITS] != version_text(version):
            return None
        try:
            facts = self._decoder.decode(entry[VERSION_DIGITS:])
        except msgspec.MsgspecError:
            return None
        return facts if (facts.id, facts.version) == (facts_id, version) else None


class Shelf(Protocol):
    """A place for entries of one kind that all processes reach. Its calls never fail."""

    failure_count: int

    async def get(self, facts_id: UUID | str) -> bytes | None: ...

    async def put(self, facts_id: UUID | str, entry: bytes) -> bool:
        """False for an entry that is older than the one there, or was not kept."""
        ...

    async def close(self) -> None: ...


def version_text(version: int) -> bytes:
    return b"%0*d" % (VERSION_DIGITS, version)


VIDEOS = Kind("facts", Video, 10_000, 256 * 1024)
OUTLINES = Kind("outlines", Outline, 500, 1024 * 1024)
