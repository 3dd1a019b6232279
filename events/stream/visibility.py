"""Who may see which event, as the contract's event table says. Pure.

The one rule, in two forms that tests hold against each other: `Viewpoint.view_of` for what happens
now, `Viewpoint.sight` for the same in SQL, when the log is read again. A filter looks at what is
shown, so a student cannot find out by filtering who acted on a video.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal
from uuid import UUID

from db.log.event_log import Sight
from events.log.types import (
    EnrollmentChanged,
    Event,
    PlaybackEvent,
    VideoDeleted,
    VideoEvent,
    VideoReady,
    VideoUpdated,
    kinds_of,
)

Role = Literal["student", "instructor"]

STUDENT_TYPES = frozenset({VideoReady.name, VideoUpdated.name, VideoDeleted.name})
PLAYBACK_TYPES = frozenset(kind.name for kind in kinds_of(PlaybackEvent))


class View(Enum):
    FULL = "full"
    STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a stream is for, and what its credential opens.

    A playback grant opens one video's events: `video_id`, with the course and the enrolment
    version it is bound to (no version for admin and service, who have no enrolment).
    """

    user_id: str
    is_privileged: bool = False
    video_id: UUID | None = None
    course_id: str | None = None
    enrollment_version: int | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """What the client asked to see of what it may see; None asks for all."""

    video_id: UUID | None = None
    course_id: str | None = None
    user_id: str | None = None
    types: frozenset[str] | None = None

    def admit(self, event: Event, shown_user_id: str | None) -> bool:
        return (
            (self.video_id is None or event.video_id == self.video_id)
            and (self.course_id is None or event.course_id == self.course_id)
            and (self.user_id is None or shown_user_id == self.user_id)
            and (self.types is None or event.name in self.types)
        )


class Roles:
    """A user's enrolments as known by now; of two tidings the one with the higher version holds."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str | None]] = {}

    def learn(self, course_id: str, role: str | None, version: int) -> bool:
        """True when that was news."""
        if version <= self.version(course_id):
            return False
        self._known[course_id] = (version, role)
        return True

    def of(self, course_id: str) -> str | None:
        return self._known.get(course_id, (0, None))[1]

    def version(self, course_id: str) -> int:
        return self._known.get(course_id, (0, None))[0]

    def courses(self, role: Role) -> list[str]:
        return [course_id for course_id, (_, known) in self._known.items() if known == role]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """One stream's view of the log: whose it is, what they asked for, what they may see by now."""

    scope: Scope
    filters: Filters = Filters()
    roles: Roles = field(default_factory=Roles)

    def view_of(self, event: Event) -> View | None:
        """How this stream is shown the event; None when it is not."""
        if self.scope.video_id is not None and event.video_id != self.scope.video_id:
            return None
        view = self._permitted_view(event)
        if view is None:
            return None
        shown_user_id = event.user_id if view is View.FULL else None
        return view if self.filters.admit(event, shown_user_id) else None

    def _permitted_view(self, event: Event) -> View | None:
        role = self.roles.of(event.course_id)
        if self.scope.is_privileged or role == "instructor":
            return View.FULL
        if isinstance(event, VideoEvent):
            return View.STUDENT if role and event.name in STUDENT_TYPES else None
        is_own = event.user_id == self.scope.user_id
        # One's own withdrawal is told, one's own playback only while enrolled.
        may_see = role is not None or isinstance(event, EnrollmentChanged)
        return View.FULL if is_own and may_see else None

    def sight(self) -> Sight:
        """The same rule for SQL."""
        return Sight(
            user_id=self.scope.user_id,
            is_privileged=self.scope.is_privileged,
            instructor_course_ids=self.roles.courses("instructor"),
            student_course_ids=self.roles.courses("student"),
            student_types=sorted(STUDENT_TYPES),
            playback_types=sorted(PLAYBACK_TYPES),
            enrollment_type=EnrollmentChanged.name,
            scope_video_id=self.scope.video_id,
            video_id=self.filters.video_id,
            course_id=self.filters.course_id,
            shown_user_id=self.filters.user_id,
            types=None if self.filters.types is None else sorted(self.filters.types),
        )

    def is_revoked(self) -> bool:
        """A playback grant whose enrolment was withdrawn or has changed since."""
        scope = self.scope
        if scope.is_privileged or scope.video_id is None or scope.course_id is None:
            return False
        version = self.roles.version(scope.course_id)
        is_changed = scope.enrollment_version is not None and version > scope.enrollment_version
        return is_changed or self.roles.of(scope.course_id) is None

    def is_farewell(self, event: Event) -> bool:
        """The withdrawal that a playback grant's stream ends with, though no video's event."""
        return (
            isinstance(event, EnrollmentChanged)
            and event.role is None
            and event.user_id == self.scope.user_id
            and event.course_id == self.scope.course_id
        )

    def audiences(self) -> Iterator[tuple[str, str]]:
        """Where the hub looks for this stream; each event is offered to `audiences_of(event)`, and
        to all streams of the user it is about.
        """
        if self.scope.is_privileged:
            yield ("all", "")
            return
        for course_id in self.roles.courses("instructor"):
            yield ("instructors", course_id)
        for course_id in self.roles.courses("student"):
            yield ("students", course_id)


def audiences_of(event: Event) -> Iterator[tuple[str, str]]:
    """The streams that may be shown the event are in one of these, not all in them are."""
    yield ("all", "")
    yield ("instructors", event.course_id)
    if event.name in STUDENT_TYPES:
        yield ("students", event.course_id)
