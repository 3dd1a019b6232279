import itertools
import random
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from db.log import event_log
from db.pool import Database
from events.log import log
from events.log.types import (
    EVENT_TYPES,
    EnrollmentChanged,
    Event,
    PlaybackEvent,
    PlaybackProgressed,
    VideoProcessing,
    VideoSnapshotEvent,
)
from events.stream.visibility import Filters, Roles, Scope, View, Viewpoint, audiences_of

AT = datetime(2025, 1, 1, tzinfo=UTC)
V1 = UUID("00000000-0000-4000-8000-000000000001")
V2 = UUID("00000000-0000-4000-8000-000000000002")
ALL = set(EVENT_TYPES)
PLAYBACK = {name for name in ALL if name.startswith("playback.")}
EVERYTHING = Filters()
FOR_STUDENTS = {"video.ready", "video.updated", "video.deleted"}


def event(name: str, user_id: str = "other", course_id: str = "c1", video_id: UUID = V1) -> Event:
    kind = EVENT_TYPES[name]
    fields: dict[str, Any] = {"course_id": course_id, "user_id": user_id, "occurred_at": AT}
    if issubclass(kind, EnrollmentChanged):
        return kind(role="student", version=1, **fields)
    if issubclass(kind, PlaybackEvent):
        fields |= {"position_s": 1.0, "watched_ratio": 0.0, "session_id": "s"}
    elif issubclass(kind, VideoProcessing):
        fields |= {"processing_ratio": 0.5}
    elif issubclass(kind, VideoSnapshotEvent):
        fields |= {"video": {}}
    return kind(video_id=video_id, **fields)  # type: ignore[call-arg]


def viewpoint(
    role: str | None = None,
    filters: Filters = EVERYTHING,
    **scope: Any,
) -> Viewpoint:
    roles = Roles()
    if role:
        roles.learn("c1", role, 1)
    return Viewpoint(Scope("me", **scope), filters, roles)


def seen(view: Viewpoint, **fields: Any) -> set[str]:
    return {name for name in ALL if view.view_of(event(name, **fields))}


@pytest.mark.parametrize(
    ("view", "of_others", "own"),
    [
        (viewpoint(is_privileged=True), ALL, ALL),
        (viewpoint("instructor"), ALL, ALL),
        (
            viewpoint("student"),
            FOR_STUDENTS,
            FOR_STUDENTS | PLAYBACK | {"enrollment.changed"},
        ),
        (viewpoint(), set(), {"enrollment.changed"}),
    ],
    ids=["privileged", "instructor", "student", "not-enrolled"],
)
def test_who_sees_which_types(view: Viewpoint, of_others: set[str], own: set[str]) -> None:
    assert seen(view) == of_others
    assert seen(view, user_id="me") == own


@pytest.mark.parametrize("role", ["student", "instructor"])
def test_a_role_holds_in_its_own_course_only(role: str) -> None:
    assert seen(viewpoint(role), course_id="c2") == set()
    assert seen(viewpoint(role), course_id="c2", user_id="me") == {"enrollment.changed"}


def test_students_are_not_shown_who_acted_on_a_video_and_others_are() -> None:
    assert viewpoint("student").view_of(event("video.ready")) is View.STUDENT
    assert viewpoint("instructor").view_of(event("video.ready")) is View.FULL
    assert viewpoint("student").view_of(event("playback.started", "me")) is View.FULL


def test_a_filter_does_not_tell_a_student_who_acted() -> None:
    by_user = Filters(user_id="other")

    assert seen(viewpoint("student", by_user)) == set()
    assert seen(viewpoint("instructor", by_user)) == ALL


def test_a_playback_grant_opens_its_video_only() -> None:
    granted = viewpoint("student", video_id=V1, course_id="c1")

    assert seen(granted, user_id="me") == FOR_STUDENTS | PLAYBACK
    assert seen(granted, user_id="me", video_id=V2) == set()
    assert seen(viewpoint(is_privileged=True, video_id=V1)) == ALL - {"enrollment.changed"}


def test_of_two_tidings_about_a_role_the_later_version_holds() -> None:
    roles = Roles()

    assert roles.learn("c1", None, 5)
    assert not roles.learn("c1", "student", 4)
    assert not roles.learn("c1", "student", 5)
    assert roles.of("c1") is None
    assert roles.learn("c1", "student", 6)
    assert roles.of("c1") == "student"


@pytest.mark.parametrize(
    ("known_role", "version", "revoked"),
    [("student", 3, False), ("student", 4, True), (None, 3, True), (None, 4, True)],
)
def test_a_grant_ends_with_the_enrolment_version_it_is_bound_to(
    known_role: str | None, version: int, revoked: bool
) -> None:
    roles = Roles()
    roles.learn("c1", known_role, version)
    scope = Scope("me", video_id=V1, course_id="c1", enrollment_version=3)

    assert Viewpoint(scope, Filters(), roles).is_revoked() is revoked


FILTERS = [
    Filters(),
    Filters(video_id=V2),
    Filters(course_id="c2"),
    Filters(user_id="me"),
    Filters(user_id="other"),
    Filters(types=frozenset({"video.ready", "playback.progress", "reset"})),
    Filters(types=frozenset({"reset"})),
    Filters(video_id=V1, course_id="c1", user_id="me", types=frozenset({"playback.stopped"})),
    Filters(video_id=V1, course_id="c2"),
]
SCOPES = [
    Scope("me"),
    Scope("me", is_privileged=True),
    Scope("me", video_id=V1, course_id="c1"),
    Scope("me", is_privileged=True, video_id=V2, course_id="c2"),
]
ROLES = list(itertools.product([None, "student", "instructor"], repeat=2))


@pytest.fixture
async def stored(database: Database) -> list[tuple[int, Event]]:
    every = itertools.product(sorted(ALL), ["me", "other"], ["c1", "c2"], [V1, V2])
    events = [event(*fields) for fields in every]
    random.Random(1).shuffle(events)
    async with database.transaction() as transaction:
        ids = await log.append(transaction, events)
    return list(zip(ids, events, strict=True))


async def test_sql_and_live_show_the_same(
    database: Database, stored: list[tuple[int, Event]]
) -> None:
    for scope, filters, (first, second) in itertools.product(SCOPES, FILTERS, ROLES):
        roles = Roles()
        roles.learn("c1", first, 1)
        roles.learn("c2", second, 1)
        view = Viewpoint(scope, filters, roles)
        live = [event_id for event_id, told in stored if view.view_of(told)]

        rows = await event_log.read_visible(database, view.event_filter(), 0, 2**62, 10_000)
        count = await event_log.count_visible(database, view.event_filter(), 0, 2**62, 10_000)

        assert [row.id for row in rows] == live, view
        assert count == len(live)


def test_an_event_is_offered_to_all_who_may_see_it() -> None:
    every = itertools.product(sorted(ALL), ["me", "other"], ["c1", "c2"], [V1])
    for fields, scope, (first, second) in itertools.product(every, SCOPES, ROLES):
        roles = Roles()
        roles.learn("c1", first, 1)
        roles.learn("c2", second, 1)
        view, told = Viewpoint(scope, Filters(), roles), event(*fields)
        if view.view_of(told):
            is_own = told.user_id == view.scope.user_id
            assert is_own or set(view.audiences()) & set(audiences_of(told))


def test_the_many_playbacks_of_a_course_are_not_offered_to_its_students() -> None:
    told = PlaybackProgressed(
        video_id=V1,
        course_id="c1",
        user_id="other",
        occurred_at=AT,
        position_s=0.0,
        watched_ratio=0.0,
        session_id="s",
    )

    assert ("students", "c1") not in set(audiences_of(told))


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(Scope("me", is_privileged=True, video_id=V1, course_id="c1"), id="privileged"),
        pytest.param(Scope("me"), id="bearer, or all of one's own"),
    ],
)
def test_no_enrolment_ends_what_none_allowed(scope: Scope) -> None:
    assert not Viewpoint(scope).is_revoked()


@pytest.mark.parametrize(
    ("changes", "farewell"),
    [
        pytest.param({}, True, id="one's own withdrawal"),
        pytest.param({"role": "instructor"}, False, id="a change of role"),
        pytest.param({"user_id": "other"}, False, id="another's withdrawal"),
        pytest.param({"course_id": "c2"}, False, id="from another course"),
    ],
)
def test_a_playback_grants_stream_ends_with_the_withdrawal(
    changes: dict[str, Any], farewell: bool
) -> None:
    fields = {"course_id": "c1", "user_id": "me", "role": None, **changes}
    withdrawn = EnrollmentChanged(occurred_at=AT, version=2, **fields)

    assert viewpoint(video_id=V1, course_id="c1").is_farewell(withdrawn) is farewell
    assert not viewpoint(video_id=V1, course_id="c1").is_farewell(event("video.ready", "me"))
