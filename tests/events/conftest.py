"""A database with two courses, and fixtures for the tests of events/."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from db.pool import Database, open_database
from events.log import log
from events.log.retention import Retention
from events.log.types import EnrollmentChanged, Event, PlaybackProgressed
from events.reports import ProgressReport
from events.upkeep.pairing import pair
from storage.paths import StoragePaths
from tests.events.workshop import FakeSandbox, Workshop
from tests.programs.redis_server import KINDS, RedisServer, running_redis

VIDEO_COLUMNS = (
    "id, course_id, module_id, title, original_filename, duration_s, width, height, container,"
    " video_codec, mime_type, original_size_bytes, uploaded_by, is_playable"
)


@dataclass(frozen=True)
class Library:
    """Courses c1 and c2 with one module each; creates what a test needs in them."""

    database: Database

    async def video(self, course_id: str = "c1", duration_s: float = 30.0) -> UUID:
        video_id = uuid4()
        await self._run(
            f"INSERT INTO videos ({VIDEO_COLUMNS}) VALUES"
            " (%s, %s, %s, 't', 'f.mp4', %s, 4, 3, 'mp4', 'h264', 'video/mp4', 1, 'teacher', true)",
            str(video_id),
            course_id,
            f"m-{course_id}",
            duration_s,
        )
        return video_id

    async def delete_video(self, video_id: UUID) -> None:
        await self._run("UPDATE videos SET deleted_at = now() WHERE id = %s", str(video_id))

    async def enroll(self, user_id: str, role: str | None, course_id: str = "c1") -> int:
        """Returns the enrolment's new version; its event is in the log."""
        async with self.database.transaction() as transaction:
            row = await transaction.fetch_one(
                "INSERT INTO enrollments AS e (course_id, user_id, role) VALUES (%s, %s, %s)"
                " ON CONFLICT (course_id, user_id) DO UPDATE"
                " SET role = excluded.role, version = e.version + 1 RETURNING version",
                (course_id, user_id, role),
            )
            changed = EnrollmentChanged(
                course_id=course_id,
                user_id=user_id,
                occurred_at=datetime.now(UTC),
                role=role,
                version=row.version,
            )
            await log.append(transaction, [changed])
        return int(row.version)

    async def append(self, *events: Event) -> list[int]:
        async with self.database.transaction() as transaction:
            return await log.append(transaction, events)

    async def _run(self, sql: str, *parameters: Any) -> None:
        async with self.database.transaction() as transaction:
            await transaction.execute(sql, parameters)


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def retention(database: Database) -> Retention:
    return Retention(database, 7 * 86400, 86400, 90 * 86400)


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with open_database(dsn, size=5) as database:
        yield database


@pytest.fixture
async def library(database: Database) -> Library:
    async with database.transaction() as transaction:
        await transaction.execute(
            "INSERT INTO courses (id, title) VALUES ('c1', 'One'), ('c2', 'Two')"
        )
        await transaction.execute(
            "INSERT INTO modules (id, course_id, title, position)"
            " VALUES ('m-c1', 'c1', 'M', 0), ('m-c2', 'c2', 'M', 0)"
        )
    return Library(database)


@pytest.fixture
async def storage(database: Database, tmp_path: Path) -> StoragePaths:
    """A storage paired with the database, whose trash clock has run for a long time."""
    async with database.transaction() as transaction:
        await transaction.execute("INSERT INTO trash_marks VALUES (-80000, 'infinity')")
    return await pair(database, await asyncio.to_thread(StoragePaths, tmp_path))


@pytest.fixture
async def workshop(database: Database, library: Any, storage: StoragePaths) -> Workshop:
    return Workshop(database, storage, FakeSandbox())


@pytest.fixture
def happened() -> Callable[..., Any]:
    def make(kind: type[Event], user_id: str = "teacher", **fields: Any) -> Event:
        told: dict[str, Any] = {
            "video_id": uuid4(),
            "course_id": "c1",
            "user_id": user_id,
            "occurred_at": datetime.now(UTC),
        }
        if issubclass(kind, PlaybackProgressed):
            told |= {"position_s": 1.0, "watched_ratio": 0.5, "session_id": "s"}
        else:
            told |= {"video": {"title": "t"}}
        return kind(**(told | fields))

    return make


@pytest.fixture
def report_of() -> Callable[..., ProgressReport]:
    """Reports of user `student` in session `s`, received now, by default."""

    def make(video_id: UUID, sequence: int = 0, **changes: Any) -> ProgressReport:
        made = ProgressReport(
            user_id="student",
            video_id=video_id,
            course_id="c1",
            session_id="s",
            sequence=sequence,
            position_s=0.0,
            watched=(),
            event="progress",
            received_at=datetime.now(UTC),
        )
        return replace(made, **changes)

    return make


@pytest.fixture(scope="module", params=KINDS)
def redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis"), request.param) as server:
        yield server
