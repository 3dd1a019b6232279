"""Licences: which files a user may keep offline, and until when. Pure."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec


class LicensedFile(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is relative to the addresses of the video's files; `pieces` are the SHA-256 of each
    4 MiB, in hex.
    """

    name: str
    size: int
    type: str
    pieces: Sequence[str]


class Licence(msgspec.Struct, frozen=True, kw_only=True):
    """The claims of a licence (RFC 7519); times are Unix time.

    `version` is that of the enrolment, null for admin and service. `session_id` names the session
    of what is watched offline, from which reports are bounded. `height` and `captions` are as they
    were asked for.
    """

    sub: str
    video_id: UUID
    course_id: str
    version: int | None
    session_id: str
    height: int | None
    captions: Sequence[str]
    poster: str | None
    files: Sequence[LicensedFile]
    iat: int
    exp: int

    def allows(self, user_id: str, video_id: UUID, version: int | None, now: datetime) -> bool:
        """True if it is this user's, for this video and enrolment, and has not expired."""
        wanted = (user_id, video_id, version)
        return (self.sub, self.video_id, self.version) == wanted and now.timestamp() < self.exp


def lifetime(now: datetime, ttl_s: int) -> tuple[int, int]:
    """`iat` and `exp` of a licence that is written now."""
    issued_at = int(now.timestamp())
    return issued_at, issued_at + ttl_s
