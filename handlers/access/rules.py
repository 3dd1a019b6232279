"""Access rules of a course: the only enrolment check.

`RIGHTS` is the contract's table "Who may call". Admin and service have all rights; anyone else has
those of their role in the course. Others get the same response whether a resource exists or not:
`refuse_missing` gives it for a missing one.
"""

import math
import time
from enum import Enum, auto
from functools import partial
from typing import NamedTuple, NoReturn

from db import enrollments
from db.pool import Database
from events.log.types import EnrollmentChanged
from handlers.access.auth import Viewer
from handlers.errors import NotAllowed, NotEnrolled, NotFound
from storage.concurrency.bounded_cache import BoundedCache, CacheFigures
from storage.concurrency.shared_reads import SharedReads

ENROLLMENT_AGE_S = 5.0  # a withdrawal takes effect within this time even without the log
# What is in use is read again before it expires: a player's thousand connections need not wait.
RENEWAL_AGE_S = 3.0
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


Key = tuple[str, str]  # course, user


class _CachedRole(NamedTuple):
    """A role as it was read, None for a stranger; the times are monotonic."""

    role: str | None
    renewed_from_s: float
    until_s: float


class Access:
    """Checks rights against enrolments cached for at most five seconds. Ended by `stop`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered = BoundedCache[Key, _CachedRole](REMEMBERED_ENROLLMENTS)
        self._reads = SharedReads[Key, str | None]()
        self.changes = 0

    async def stop(self) -> None:
        await self._reads.stop()

    async def require(self, viewer: Viewer, course_id: str, right: Right) -> None:
        """Raises NotEnrolled, NotAllowed."""
        if not viewer.is_privileged:
            require_right(await self.role(viewer.user_id, course_id), right)

    def cache_figures(self) -> CacheFigures:
        return self._remembered.figures()

    async def may(self, viewer: Viewer, course_id: str, right: Right) -> bool:
        """True if a viewer who has access has this right, too."""
        if viewer.is_privileged:
            return True
        role = await self.role(viewer.user_id, course_id)
        return role is not None and right in RIGHTS[role]

    def known_until_s(self, viewer: Viewer, course_id: str, right: Right) -> float:
        """Like `may`, from the cache only: the monotonic time up to which it allows this without
        being asked again, unless there are `changes`; 0.0 if it does not, or knows nothing."""
        if viewer.is_privileged:
            return math.inf
        now_s = time.monotonic()
        known = self._known((course_id, viewer.user_id), now_s)
        if known is None or known.role is None or right not in RIGHTS[known.role]:
            return 0.0
        return known.until_s if now_s >= known.renewed_from_s else known.renewed_from_s

    async def role(self, user_id: str, course_id: str) -> str | None:
        """Returns the user's role; None if not enrolled."""
        key = (course_id, user_id)
        known = self._known(key, time.monotonic())
        if known is not None:
            return known.role
        return await self._reads.get(key, partial(self._read, key))

    def forget_all(self) -> None:
        self.changes += 1
        self._remembered.clear()
        self._reads.forget_all()

    def apply(self, event: EnrollmentChanged) -> None:
        self.changes += 1
        key = (event.course_id, event.user_id)
        self._remembered.forget(key)
        self._reads.forget(key)

    def _known(self, key: Key, now_s: float) -> _CachedRole | None:
        """The enrolment, unless it has expired; one that is about to is renewed meanwhile."""
        known = self._remembered.get(key)
        if known is None:
            return None
        if now_s >= known.until_s:
            self._remembered.count_stale()
            return None
        if now_s >= known.renewed_from_s:
            self._reads.begin(key, partial(self._read, key))
        return known

    async def _read(self, key: Key) -> str | None:
        changes = self.changes
        enrollment = await enrollments.get(self._database, *key)
        role = enrollment.role if enrollment else None
        if changes == self.changes:  # else the row may be older than an applied event
            self._remember(key, role)
        return role

    def _remember(self, key: Key, role: str | None) -> None:
        now_s = time.monotonic()
        known = _CachedRole(role, now_s + RENEWAL_AGE_S, now_s + ENROLLMENT_AGE_S)
        self._remembered.put(key, known)
