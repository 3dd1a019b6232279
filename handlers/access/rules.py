"""Access rules of a course: the only enrolment check.

`RIGHTS` is the contract's table "Who may call". Admin and service have all rights; anyone else has
those of their role in the course. Others get the same response whether a resource exists or not:
`refuse_missing` gives it for a missing one.
"""

import math
import time
from enum import Enum, auto
from typing import NoReturn

from db import enrollments
from db.pool import Database
from events.log.types import EnrollmentChanged
from handlers.access.auth import Viewer
from handlers.errors import NotAllowed, NotEnrolled, NotFound
from storage.bounded_cache import BoundedCache

ENROLLMENT_AGE_S = 5.0  # a withdrawal takes effect within this time even without the log
REMEMBERED_ENROLLMENTS = 50_000


class Right(Enum):
    """Rights in a course."""

    WATCH = auto()  # play, read metadata and thumbnails, report and read one's own progress
    SEE_UNREADY = auto()  # lists show videos that cannot be played yet
    EDIT = auto()  # upload, change, delete videos; shape the modules
    READ_EVERYONE = auto()  # analytics, everyone's progress
    ENROLL = auto()  # manage enrolments of students
    ADMINISTER = auto()  # make, rename, delete the course; enrol instructors


STUDENT = frozenset({Right.WATCH})
INSTRUCTOR = STUDENT | {Right.SEE_UNREADY, Right.EDIT, Right.READ_EVERYONE, Right.ENROLL}

RIGHTS: dict[str, frozenset[Right]] = {"student": STUDENT, "instructor": INSTRUCTOR}


def refuse_missing(viewer: Viewer) -> NoReturn:
    """Refuses what does not exist: NotFound to the privileged, NotEnrolled to all others, who do
    not learn which of the two it is."""
    raise NotFound if viewer.is_privileged else NotEnrolled


def require_right(role: str | None, right: Right) -> None:
    """Raises NotEnrolled without a role, NotAllowed."""
    if role is None:
        raise NotEnrolled
    if right not in RIGHTS[role]:
        raise NotAllowed


class Access:
    """Checks rights against enrolments cached for at most five seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered = BoundedCache[tuple[str, str], tuple[str | None, float]](
            REMEMBERED_ENROLLMENTS
        )
        self.changes = 0

    async def require(self, viewer: Viewer, course_id: str, right: Right) -> None:
        """Raises NotEnrolled, NotAllowed."""
        if not viewer.is_privileged:
            require_right(await self.role(viewer.user_id, course_id), right)

    @property
    def remembered_count(self) -> int:
        return len(self._remembered)

    async def may(self, viewer: Viewer, course_id: str, right: Right) -> bool:
        """True if a viewer who has access has this right, too."""
        if viewer.is_privileged:
            return True
        role = await self.role(viewer.user_id, course_id)
        return role is not None and right in RIGHTS[role]

    def known_until_s(self, viewer: Viewer, course_id: str, right: Right) -> float:
        """Like `may`, from the cache only: the monotonic time up to which it allows this, unless
        there are `changes`; 0.0 if it does not, or the enrolment is not cached."""
        if viewer.is_privileged:
            return math.inf
        role, until_s = self._remembered.peek((course_id, viewer.user_id)) or (None, 0.0)
        return until_s if role is not None and right in RIGHTS[role] else 0.0

    async def role(self, user_id: str, course_id: str) -> str | None:
        """Returns the user's role; None if not enrolled."""
        key = (course_id, user_id)
        remembered = self._remembered.get(key)
        if remembered is not None and time.monotonic() < remembered[1]:
            return remembered[0]
        return await self._read(key)

    def forget_all(self) -> None:
        self.changes += 1
        self._remembered.clear()

    def apply(self, event: EnrollmentChanged) -> None:
        self.changes += 1
        self._remembered.forget((event.course_id, event.user_id))

    async def _read(self, key: tuple[str, str]) -> str | None:
        changes = self.changes
        enrollment = await enrollments.get(self._database, *key)
        role = enrollment.role if enrollment else None
        if changes == self.changes:  # else the row may be older than an applied event
            self._remember(key, role)
        return role

    def _remember(self, key: tuple[str, str], role: str | None) -> None:
        self._remembered.put(key, (role, time.monotonic() + ENROLLMENT_AGE_S))
