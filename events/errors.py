"""Error family of events/, and the errors of lower floors that count as an outage."""

from db.errors import DatabaseError
from storage.errors import StorageError

# Transient faults of the floors below: periodic work logs them and retries.
OUTAGES = (DatabaseError, StorageError)


class EventsError(Exception):
    """The events layer refused."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.__doc__)


class UnknownEventType(EventsError):
    """There is no event of that type."""


class UnreadableEvent(EventsError):
    """A row of the log has a type unknown to this version."""


class TooManySubscribers(EventsError):
    """The user, or the whole process, has as many event streams as it may."""

    def __init__(self, *, is_per_user: bool) -> None:
        super().__init__()
        self.is_per_user = is_per_user


class BoardUnavailable(EventsError):
    """Other processes cannot be reached: the board of shared limits does not answer."""


class HubClosed(EventsError):
    """The server is stopping and takes no new event streams."""


class PersisterFull(EventsError):
    """More progress reports wait to be stored than may."""


class PersisterStopped(EventsError):
    """The server is stopping and takes no more progress reports."""


class VideoMissing(EventsError):
    """The report is about a video that does not exist or was deleted."""


class ForeignStorage(EventsError):
    """The storage and the database do not belong to each other."""


class NotTaken(EventsError):
    """An object was not imported; `state` is its column in the report, the message the reason."""

    def __init__(self, state: str, detail: str) -> None:
        super().__init__(detail)
        self.state = state


def deleted_video_fault() -> NotTaken:
    """The refusal for an object whose video was deleted here."""
    return NotTaken("deleted", "its video was deleted here")


class NoLongerWanted(EventsError):
    """The video was deleted while it was being worked on."""


class UnfaithfulMedia(EventsError):
    """The file that was made of an upload differs from it, and nobody intended that."""


class PiecesNotReady(EventsError):
    """The hashes of a large file are still being computed."""


class OrderMismatch(EventsError):
    """The list does not name each of the things to order exactly once; they may have changed."""


class FiguresNotReady(EventsError):
    """The figures of what was watched before are still being counted."""


class DamagedFile(EventsError):
    """A stored file is not the one that was published, or is missing."""

    def __init__(self, file_name: str, *, is_there: bool) -> None:
        super().__init__()
        self.file_name = file_name
        self.is_there = is_there
