"""Visibility of events, by the contract's event table. Pure.

One rule in two forms, which the tests compare: `Viewpoint.view_of` for live events,
`Viewpoint.event_filter` for the same in SQL, to replay the log. A filter applies to the shown
fields, so a student cannot find out by filtering who acted on a video.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal
from uuid import UUID

from db.log.event_log import EventFilter
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
from events.privacy.naming import IDS, Naming

Role = Literal["student", "instructor"]

STUDENT_TYPES = frozenset({VideoReady.name, VideoUpdated.name, VideoDeleted.name})
PLAYBACK_TYPES = frozenset(kind.name for kind in kinds_of(PlaybackEvent))


class View(Enum):
    FULL = "full"
    STUDENT = "student"


@dataclass(frozen=True, slots=True)
class Scope:
    """A stream's user, and the extent of its credential.

    A playback grant opens one video's events: `video_id`, with the course and the enrolment
    version it is bound to (no version for admin and service, who need no enrolment). `naming` is
    how the user sees others.
    """

    user_id: str
    is_privileged: bool = False
    video_id: UUID | None = None
    course_id: str | None = None
    enrollment_version: int | None = None
    naming: Naming = IDS


@dataclass(frozen=True, slots=True)
class Filters:
    """The client's filters within what it may see; None means no filter."""

    video_id: UUID | None = None
    course_id: str | None = None
    user_id: str | None = None
    types: frozenset[str] | None = None

    def shows(self, event_type: str) -> bool:
        return self.types is None or event_type in self.types

    def admit(self, event: Event, shown_user_id: str | None) -> bool:
        return (
            (self.video_id is None or event.video_id == self.video_id)
            and (self.course_id is None or event.course_id == self.course_id)
            and (self.user_id is None or shown_user_id == self.user_id)
            and self.shows(event.name)
        )


class Roles:
    """A user's known roles by course; on conflict the higher version wins."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str | None]] = {}

    def learn(self, course_id: str, role: str | None, version: int) -> bool:
        """Applies an enrolment; True if its version is newer."""
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
    """One stream's view of the log: its scope, filters and current roles."""

    scope: Scope
    filters: Filters = Filters()
    roles: Roles = field(default_factory=Roles)

    def view_of(self, event: Event) -> View | None:
        """Returns the view in which the stream sees the event; None when hidden."""
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
        # Users see their own withdrawal, but their own playback only while enrolled.
        may_see = role is not None or isinstance(event, EnrollmentChanged)
        return View.FULL if is_own and may_see else None

    def event_filter(self) -> EventFilter:
        """Returns the same rule as SQL parameters."""
        return EventFilter(
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
        """True for a playback grant whose enrolment was withdrawn or changed since."""
        scope = self.scope
        if scope.is_privileged or scope.video_id is None or scope.course_id is None:
            return False
        version = self.roles.version(scope.course_id)
        is_changed = scope.enrollment_version is not None and version > scope.enrollment_version
        return is_changed or self.roles.of(scope.course_id) is None

    def is_farewell(self, event: Event) -> bool:
        """True for the withdrawal that ends a playback grant's stream, though no video event."""
        return (
            isinstance(event, EnrollmentChanged)
            and event.role is None
            and event.user_id == self.scope.user_id
            and event.course_id == self.scope.course_id
        )

    def audiences(self) -> Iterator[tuple[str, str]]:
        """Yields the stream's audiences: the hub offers an event to `audiences_of(event)`, and to
        all streams of the event's user.
        """
        if self.scope.is_privileged:
            yield ("all", "")
            return
        for course_id in self.roles.courses("instructor"):
            yield ("instructors", course_id)
        for course_id in self.roles.courses("student"):
            yield ("students", course_id)


def audiences_of(event: Event) -> Iterator[tuple[str, str]]:
    """Yields a superset of the event's viewers: every stream that may see it is in one of them."""
    yield ("all", "")
    yield ("instructors", event.course_id)
    if event.name in STUDENT_TYPES:
        yield ("students", event.course_id)
