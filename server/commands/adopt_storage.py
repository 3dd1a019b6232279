"""`adopt-storage`: shows the content of a storage, and pairs it with the database on confirmation.

No file is changed or removed. Files without a row are strays then, and a sweep leaves that many
strays alone.
"""

import asyncio
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from db.pool import Database, open_database
from db.upkeep import file_rows
from events.errors import ForeignStorage
from events.upkeep.pairing import adopt, require_pair
from server.commands.preparation import current_database, prepare, prepare_schema
from server.config.settings import Config
from server.postgres.ownership import Owned
from server.processes import owned_database
from server.stop_signals import StopRequested, raising_on_stop
from server.tables import table
from storage.disk import SHARED_DISK
from storage.errors import StorageError
from storage.paths import StoragePaths
from storage.upkeep.inventory import StoredVideo, walk_videos

COLUMNS = ("course", "videos", "files", "bytes", "known here")
ROWS_AT_ONCE = 200


@dataclass(slots=True)
class CourseContent:
    """`known_videos` are those that the database has a row for."""

    videos: int = 0
    files: int = 0
    size_bytes: int = 0
    known_videos: int = 0


@dataclass(frozen=True, slots=True)
class AdoptionReport:
    """The result of an adoption; `fault` is the reason why the two were not paired before."""

    root: Path
    courses: Mapping[str, CourseContent]
    rows: int
    fault: str | None
    is_adopted: bool

    @property
    def text(self) -> str:
        rows = [
            (course_id or "-", *map(str, astuple(content)))
            for course_id, content in sorted(self.courses.items())
        ]
        return "\n".join([*table(COLUMNS, rows), self._content, self._rows, self._outcome])

    @property
    def _content(self) -> str:
        every = self.courses.values()
        videos, files = sum(one.videos for one in every), sum(one.files for one in every)
        size_bytes, courses = sum(one.size_bytes for one in every), len(self.courses)
        return (
            f"{self.root}: {videos} videos in {courses} courses, {files} files, {size_bytes} bytes"
        )

    @property
    def _rows(self) -> str:
        known = sum(one.known_videos for one in self.courses.values())
        return f"the database: {self.rows} videos, {known} of which lie here"

    @property
    def _outcome(self) -> str:
        if self.is_adopted:
            return "the storage belongs to this database now; no file was changed"
        if self.fault is None:
            return "the storage belongs to this database already: there is nothing to do"
        return f"{self.fault}\nnothing was changed: with --yes the storage is this database's"


def add_adopt_storage(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = names.add_parser(
        "adopt-storage",
        help="let the database have a storage that it does not know",
        description="Shows what is in the storage at COURSESTREAM_STORAGE_PATH and whose it is."
        " With --yes it belongs to this database from then on, and to no other. No file is changed"
        " or removed.",
    )
    parser.add_argument("--yes", action="store_true", help="really do it")
    parser.set_defaults(run=adopt_storage, fault_code=2)


def adopt_storage(config: Config, arguments: Namespace) -> int:
    """Prints the content of the storage; starts the embedded database if it is not running.

    Exit code 0; 1 when interrupted. Raises: StorageError, DatabaseError.
    """
    config = prepare(config)
    storage = StoragePaths(config.storage_path)
    try:
        with raising_on_stop(), owned_database(config) as database:
            prepare_schema(config, database.dsn)
            report = asyncio.run(_adopt(storage, database.dsn, arguments.yes))
    except Owned:
        report = asyncio.run(_adopt(storage, current_database(config), arguments.yes))
    except StopRequested:
        return 1
    print(report.text)
    return 0


async def _adopt(storage: StoragePaths, dsn: str, is_confirmed: bool) -> AdoptionReport:
    async with open_database(dsn, size=1) as database:
        courses = await _content(database, storage)
        rows = await file_rows.count_videos(database)
        fault = await _fault(database, storage)
        is_adopted = is_confirmed and fault is not None
        if is_adopted:
            await adopt(database, storage)
        return AdoptionReport(storage.root, courses, rows, fault, is_adopted)


async def _content(database: Database, storage: StoragePaths) -> Mapping[str, CourseContent]:
    courses: dict[str, CourseContent] = defaultdict(CourseContent)
    everything = walk_videos(storage)
    while page := await SHARED_DISK.run(_next, everything):
        known = await file_rows.read_videos(
            database, [one.video_id for one in page if one.video_id]
        )
        for video in page:
            content = courses[video.course_id]
            content.videos += video.video_id is not None
            content.files += len(video.files)
            content.size_bytes += sum(file.size_bytes for file in video.files)
            content.known_videos += video.video_id in known
    return courses


def _next(everything: Iterator[StoredVideo]) -> Sequence[StoredVideo]:
    return list(islice(everything, ROWS_AT_ONCE))


async def _fault(database: Database, storage: StoragePaths) -> str | None:
    try:
        await require_pair(database, storage)
    except (ForeignStorage, StorageError) as exc:
        return str(exc)
    return None
