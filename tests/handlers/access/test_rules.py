"""Access rules: the table of rights, and the cache of enrolments with its bounds."""

import asyncio
import math
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from events.log.types import EnrollmentChanged
from handlers.access import rules
from handlers.access.auth import Viewer
from handlers.access.rules import Access, Right, refuse_missing
from handlers.errors import NotAllowed, NotEnrolled, NotFound, RequestError
from storage.concurrency.bounded_cache import CacheFigures

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Viewer("ada", frozenset(), 0.0)
ADMIN = Viewer("root", frozenset({"admin"}), 0.0)
SERVICE = Viewer("svc", frozenset({"service"}), 0.0)

EVERY = set(Right)
STUDENTS = {Right.WATCH}
INSTRUCTORS = EVERY - {Right.ADMINISTER}


class Row(NamedTuple):
    course_id: str
    user_id: str
    role: str | None
    version: int = 1
    created_at: datetime = NOW
    updated_at: datetime = NOW


class FakeDatabase:
    """Enrolments by (course, user); counts what it was asked."""

    def __init__(self, **roles: str | None) -> None:
        self.roles = roles
        self.asked = 0
        self.while_reading: Any = lambda: None

    async def fetch_one(self, sql: str, parameters: Any) -> Row | None:
        self.asked += 1
        course_id, user_id = parameters
        await asyncio.sleep(0)
        row = Row(course_id, user_id, self.roles[user_id]) if user_id in self.roles else None
        self.while_reading()
        return row


def access_to(database: Any) -> Access:
    return Access(database)


def changed(role: str | None) -> EnrollmentChanged:
    return EnrollmentChanged(course_id="c", user_id="ada", occurred_at=NOW, role=role, version=2)


async def allowed(access: Access, viewer: Viewer) -> set[Right]:
    rights = set()
    for right in Right:
        try:
            await access.require(viewer, "c", right)
        except RequestError:
            assert not await access.may(viewer, "c", right)
        else:
            assert await access.may(viewer, "c", right)
            rights.add(right)
    return rights


@pytest.mark.parametrize(
    ("viewer", "roles", "rights"),
    [
        pytest.param(ADMIN, {}, EVERY, id="admin"),
        pytest.param(SERVICE, {}, EVERY, id="service"),
        pytest.param(ADMIN, {"root": "student"}, EVERY, id="admin who studies"),
        pytest.param(ADA, {"ada": "instructor"}, INSTRUCTORS, id="instructor"),
        pytest.param(ADA, {"ada": "student"}, STUDENTS, id="student"),
        pytest.param(ADA, {"ada": None}, set(), id="withdrawn"),
        pytest.param(ADA, {}, set(), id="stranger"),
    ],
)
async def test_rights(viewer: Viewer, roles: dict[str, Any], rights: set[Right]) -> None:
    assert await allowed(access_to(FakeDatabase(**roles)), viewer) == rights


@pytest.mark.parametrize(
    ("viewer", "roles", "error"),
    [
        pytest.param(ADA, {"ada": "student"}, NotAllowed, id="enrolled without that right"),
        pytest.param(ADA, {}, NotEnrolled, id="not enrolled"),
    ],
)
async def test_refusals(viewer: Viewer, roles: dict[str, Any], error: type[RequestError]) -> None:
    with pytest.raises(error):
        await access_to(FakeDatabase(**roles)).require(viewer, "c", Right.EDIT)


@pytest.mark.parametrize(
    ("viewer", "error"),
    [
        pytest.param(ADA, NotEnrolled, id="nothing there"),
        pytest.param(ADMIN, NotFound, id="nothing there for admin"),
        pytest.param(SERVICE, NotFound, id="nothing there for service"),
    ],
)
def test_what_does_not_exist_is_refused(viewer: Viewer, error: type[RequestError]) -> None:
    with pytest.raises(error):
        refuse_missing(viewer)


async def test_enrollment_is_remembered() -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)

    assert [await access.role("ada", "c") for _ in range(3)] == ["student"] * 3
    assert database.asked == 1


async def test_withdrawal_is_felt_in_time_even_if_the_log_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    database = FakeDatabase(ada="student")
    access = access_to(database)
    await access.role("ada", "c")
    database.roles["ada"] = None

    now_s += 4.99
    assert await access.role("ada", "c") == "student"
    now_s += 0.01
    assert await access.role("ada", "c") is None
    await access.stop()

    database.roles["ada"] = "instructor"
    now_s += 60
    assert await access.role("ada", "c") == "instructor"


async def test_change_is_felt_when_the_log_tells_it() -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)
    await access.role("ada", "c")

    database.roles["ada"] = None
    access.apply(changed(None))

    assert await access.role("ada", "c") is None


async def test_nothing_is_remembered_once_all_has_to_be_read_anew() -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)
    await access.role("ada", "c")

    database.roles["ada"] = None
    access.forget_all()

    assert await access.role("ada", "c") is None


async def test_what_was_read_before_a_change_is_not_remembered_after_it() -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)
    database.while_reading = lambda: access.apply(changed(None))
    await access.role("ada", "c")
    database.while_reading = lambda: None
    database.roles["ada"] = None

    assert await access.role("ada", "c") is None


async def test_a_thousand_connections_of_a_user_ask_once() -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)

    roles = await asyncio.gather(*(access.role("ada", "c") for _ in range(1000)))

    assert roles == ["student"] * 1000
    assert database.asked == 1


async def test_who_asks_after_a_change_shares_no_reading_from_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)
    read, go_on = asyncio.Event(), asyncio.Event()
    fetch_one = database.fetch_one

    async def slowly(*arguments: Any) -> Row | None:
        row = await fetch_one(*arguments)
        read.set()
        await go_on.wait()
        return row

    monkeypatch.setattr(database, "fetch_one", slowly)
    before = asyncio.create_task(access.role("ada", "c"))
    await read.wait()
    database.roles["ada"] = None
    access.apply(changed(None))
    after = asyncio.create_task(access.role("ada", "c"))
    await asyncio.sleep(0)
    go_on.set()

    assert await before == "student"
    assert await after is None
    assert await access.role("ada", "c") is None


async def test_what_is_in_use_is_renewed_before_it_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    database = FakeDatabase(ada="student")
    access = access_to(database)
    await access.role("ada", "c")
    assert access.known_until_s(ADA, "c", Right.WATCH) == 1003.0

    now_s = 1003.0
    for _ in range(100):
        assert access.known_until_s(ADA, "c", Right.WATCH) == 1005.0
    assert await access.role("ada", "c") == "student"
    for _ in range(5):  # turns of the loop; its clock stands still
        await asyncio.sleep(0)

    assert database.asked == 2
    assert access.known_until_s(ADA, "c", Right.WATCH) == 1006.0
    await access.stop()


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "REMEMBERED_ENROLLMENTS", 2)
    database = FakeDatabase()
    access = access_to(database)

    for user_id in ("u1", "u2", "u3", "u3", "u2"):
        await access.role(user_id, "c")
    assert database.asked == 3
    assert access.cache_figures() == CacheFigures(entry_count=2, hit_count=2, miss_count=3)
    await access.role("u1", "c")  # the first was forgotten
    assert database.asked == 4


async def test_what_is_known_is_returned_without_asking_and_only_while_it_is_fresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = FakeDatabase(ada="student")
    access = access_to(database)
    assert access.known_until_s(ADA, "c", Right.WATCH) == 0.0
    assert access.known_until_s(ADMIN, "c", Right.EDIT) == math.inf

    now_s = time.monotonic()
    await access.require(ADA, "c", Right.WATCH)
    assert now_s < access.known_until_s(ADA, "c", Right.WATCH) < now_s + 6
    assert access.known_until_s(ADA, "c", Right.EDIT) == 0.0
    assert access.known_until_s(ADA, "another", Right.WATCH) == 0.0
    assert database.asked == 1
