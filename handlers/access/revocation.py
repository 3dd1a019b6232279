"""Revocation of grants by newer enrolment versions and by deleted videos.

Kept in memory, loaded from the database at start and updated by the log; checked for every range,
so it never waits. Until it is loaded, no grant is accepted. Entries older than any possible grant
are forgotten, which bounds its size.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar
from uuid import UUID

from events.log.types import EnrollmentChanged, VideoDeleted, VideoUpdated
from handlers.access.grants import LONGEST_TTL_S, Grants, PlaybackGrant
from handlers.errors import NotEnrolled, Unavailable

CLOCKS_DIFFER_S = 3600.0  # tolerated between the database and the host that signed the grant
REMEMBERED_S = LONGEST_TTL_S + CLOCKS_DIFFER_S

Key = TypeVar("Key")


class _Lately(Generic[Key]):
    """Entries of the last `REMEMBERED_S`; older ones are dropped when one is added."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._notes: OrderedDict[Key, tuple[int, float]] = OrderedDict()  # the oldest first

    def __len__(self) -> int:
        return len(self._notes)

    def __contains__(self, key: Key) -> bool:
        return key in self._notes

    def get(self, key: Key) -> int:
        """Returns 0 for a missing entry."""
        return self._notes.get(key, (0, 0.0))[0]

    def note(self, key: Key, number: int = 1) -> None:
        now_s = self._clock()
        self._notes[key] = (number, now_s)
        self._notes.move_to_end(key)
        while next(iter(self._notes.values()))[1] <= now_s - REMEMBERED_S:
            self._notes.popitem(last=False)

    def discard(self, key: Key) -> None:
        self._notes.pop(key, None)

    def clear(self) -> None:
        self._notes.clear()


class Revocations:
    """Changed enrolments and deleted videos; unchanged ones need no entry."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._versions: _Lately[tuple[str, str]] = _Lately(clock)
        self._deleted: _Lately[UUID] = _Lately(clock)
        self._applied_ids: set[UUID] = set()  # by the log, before `load`
        self._is_loaded = False
        self.changes = 0

    def __len__(self) -> int:
        """Returns the number of entries."""
        return len(self._versions) + len(self._deleted)

    def load(self, versions: Mapping[tuple[str, str], int], deleted: Iterable[UUID]) -> None:
        """Loads (course_id, user_id) -> version; later events may have been applied already."""
        for key, version in versions.items():
            self._raise(key, version)
        for video_id in set(deleted) - self._applied_ids:
            self._deleted.note(video_id)
        self._applied_ids.clear()
        self._is_loaded = True
        self.changes += 1

    def replace(self, versions: Mapping[tuple[str, str], int], deleted: Iterable[UUID]) -> None:
        """Like `load`, in place of all entries: the database has lost what they came from."""
        self._versions.clear()
        self._deleted.clear()
        self.load(versions, deleted)

    def apply(self, event: EnrollmentChanged | VideoDeleted | VideoUpdated) -> None:
        self.changes += 1
        match event:
            case EnrollmentChanged():
                self._raise((event.course_id, event.user_id), event.version)
            case VideoDeleted():
                self._note_applied(event.video_id)
                self._deleted.note(event.video_id)
            case _:  # VideoUpdated, which is also published for a restored video
                self._note_applied(event.video_id)
                self._deleted.discard(event.video_id)

    def require(self, grant: PlaybackGrant) -> None:
        """Raises NotEnrolled for a revoked grant, Unavailable before `load`."""
        if self.is_revoked(grant):
            raise NotEnrolled("What allowed this was changed, withdrawn or deleted.")

    def is_revoked(self, grant: PlaybackGrant) -> bool:
        """Raises Unavailable before `load`."""
        if not self._is_loaded:
            raise Unavailable
        if self._deleted and grant.video_id in self._deleted:
            return True
        if grant.version is None:
            return False
        return grant.version < self._versions.get((grant.course_id, grant.user_id))

    def _note_applied(self, video_id: UUID) -> None:
        """Notes an event before `load`, whose rows are older."""
        if not self._is_loaded:
            self._applied_ids.add(video_id)

    def _raise(self, key: tuple[str, str], version: int) -> None:
        if version > self._versions.get(key):
            self._versions.note(key, version)


def held_grant(
    grants: Grants, revocations: Revocations, token: str, video_id: UUID | None
) -> PlaybackGrant:
    """Returns the grant of a token, if it is valid for this video.

    Raises InvalidToken, NotEnrolled, Unavailable.
    """
    grant = grants.playback(token)
    if grant.video_id != video_id:
        raise NotEnrolled("The grant is for another video.")
    revocations.require(grant)
    return grant
