"""Which grants no longer hold: enrolment versions that were overtaken, videos that are gone.

Kept in memory, filled from the database at start and by the log from then on; asked for every
range, so it must never wait. Until it is filled nobody can say that a grant still holds.
"""

from collections.abc import Iterable, Mapping
from uuid import UUID

from events.types import EnrollmentChanged, VideoDeleted, VideoUpdated
from handlers.access.grants import PlaybackGrant
from handlers.errors import NotEnrolled, Unavailable


class Revocations:
    """Enrolments never changed and videos never deleted are not in the tables."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], int] = {}
        self._deleted: set[UUID] = set()
        self._told: set[UUID] = set()  # by the log, before `load`
        self._is_loaded = False

    def load(self, versions: Mapping[tuple[str, str], int], deleted: Iterable[UUID]) -> None:
        """(course_id, user_id) -> version; later events may have been applied already."""
        for key, version in versions.items():
            self._raise(key, version)
        self._deleted.update(set(deleted) - self._told)
        self._told.clear()
        self._is_loaded = True

    def apply(self, event: EnrollmentChanged | VideoDeleted | VideoUpdated) -> None:
        match event:
            case EnrollmentChanged():
                self._raise((event.course_id, event.user_id), event.version)
            case VideoDeleted():
                self._note(event.video_id)
                self._deleted.add(event.video_id)
            case VideoUpdated():  # told of a restored video, too
                self._note(event.video_id)
                self._deleted.discard(event.video_id)

    def require(self, grant: PlaybackGrant) -> None:
        """Raises NotEnrolled for a grant that was withdrawn, Unavailable before `load`."""
        if self.is_revoked(grant):
            raise NotEnrolled("What allowed this was changed, withdrawn or deleted.")

    def is_revoked(self, grant: PlaybackGrant) -> bool:
        """Raises Unavailable before `load`."""
        if not self._is_loaded:
            raise Unavailable
        if grant.video_id in self._deleted:
            return True
        if grant.version is None:
            return False
        return grant.version < self._versions.get((grant.course_id, grant.user_id), 0)

    def _note(self, video_id: UUID) -> None:
        """The log is newer than what `load` will bring."""
        if not self._is_loaded:
            self._told.add(video_id)

    def _raise(self, key: tuple[str, str], version: int) -> None:
        self._versions[key] = max(version, self._versions.get(key, 0))
