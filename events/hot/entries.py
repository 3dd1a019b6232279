"""Entries of the shelf: facts of a video as bytes, with the version that they are of.

Pure. An entry that another version of the service wrote has another shape, and so another prefix of
its key: the two never read each other's.
"""

from hashlib import sha256
from typing import Protocol
from uuid import UUID

import msgspec

from db.videos.video import Video

# As many as 2**63 has, and a sign's worth more: texts compare as the numbers do.
VERSION_DIGITS = 20
MAX_BYTES = 256 * 1024
_SHAPE = sha256(msgspec.json.encode(msgspec.json.schema(Video))).hexdigest()[:12]
PREFIX = f"coursestream:facts:{_SHAPE}:"

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Video)


class Shelf(Protocol):
    """A place for entries that all processes reach. Its calls never fail."""

    failure_count: int

    async def get(self, video_id: UUID) -> bytes | None: ...

    async def put(self, video_id: UUID, entry: bytes) -> bool:
        """False for an entry that is older than the one there, or was not kept."""
        ...

    async def close(self) -> None: ...


def key_of(video_id: UUID) -> str:
    return f"{PREFIX}{video_id}"


def version_text(version: int) -> bytes:
    return b"%0*d" % (VERSION_DIGITS, version)


def encode(video: Video) -> bytes | None:
    """None for one that is too large to be kept."""
    entry = version_text(video.version) + _encoder.encode(video)
    return entry if len(entry) <= MAX_BYTES else None


def decode(entry: bytes, video_id: UUID, version: int) -> Video | None:
    """The facts of that video in that version; None for any others, and for foreign bytes."""
    if entry[:VERSION_DIGITS] != version_text(version):
        return None
    try:
        video = _decoder.decode(entry[VERSION_DIGITS:])
    except msgspec.MsgspecError:
        return None
    return video if (video.id, video.version) == (video_id, version) else None
