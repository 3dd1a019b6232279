"""Survey: compares files with rows for strays, missing files and differences. Read-only.

Uploads and jobs go on meanwhile. Files are listed before rows are read, so a file whose row has
just been committed is recognised; a file that seems to be missing is checked twice.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal
from uuid import UUID

from db.media import ladders
from db.pool import Database
from db.upkeep import file_rows
from db.upkeep.file_rows import FileRow, VideoFiles
from storage.disk import SHARED_DISK
from storage.errors import FileMissing
from storage.hashes import sha256_file
from storage.paths import StoragePaths
from storage.upkeep.inventory import StoredVideo, list_stored_videos

Kind = Literal["stray", "missing", "size-differs", "hash-differs", "stuck", "retryable"]

DIRECTORIES_AT_ONCE = 200
ROWS_AT_ONCE = 200
BEFORE_ALL = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference between files and rows.

    `path` is relative to the storage; `changed_s` is a stray's Unix time of change, `row` the
    record of a missing or different file. `has_original`: the served file can be made again.
    `is_directory`: a stray directory, which goes after its files.
    """

    kind: Kind
    course_id: str
    video_id: UUID | None
    path: str | None
    detail: str
    changed_s: float = 0.0
    row: FileRow | None = None
    has_original: bool = False
    is_directory: bool = False


@dataclass(slots=True)
class Usage:
    """Storage used by a course: by its rows, which the quota counts, and on disk."""

    videos: int = 0
    files: int = 0
    recorded_bytes: int = 0
    stored_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Survey:
    findings: tuple[Finding, ...]
    usage: Mapping[str, Usage]
    """By course."""

    @property
    def videos(self) -> int:
        return sum(course.videos for course in self.usage.values())

    @property
    def files(self) -> int:
        return sum(course.files for course in self.usage.values())

    @property
    def stray_files(self) -> int:
        return sum(one.kind == "stray" and not one.is_directory for one in self.findings)


async def survey(database: Database, storage: StoragePaths, *, is_deep: bool = False) -> Survey:
    """Compares everything; `is_deep` also hashes every file.

    Raises: StorageGone, DatabaseError.
    """
    findings: list[Finding] = []
    usage: dict[str, Usage] = defaultdict(Usage)
    async for stored in _directories(storage):
        _count_stored(usage, stored)
        findings += await _strays(database, storage, stored)
    async for page in _pages(database):
        _count_recorded(usage, page)
        findings += await _faults(database, storage, page, is_deep)
        findings += await SHARED_DISK.run(_retryable, storage, page)
    findings += [_stuck(video) for video in await file_rows.list_stuck(database)]
    findings += [_stuck_ladder(*ids) for ids in await ladders.list_stuck(database)]
    return Survey(tuple(findings), dict(sorted(usage.items())))


def _count_stored(usage: Mapping[str, Usage], stored: Iterable[StoredVideo]) -> None:
    for video in stored:
        course = usage[video.course_id]
        course.files += len(video.files)
        course.stored_bytes += sum(file.size_bytes for file in video.files)


def _count_recorded(usage: Mapping[str, Usage], page: Iterable[VideoFiles]) -> None:
    for video in page:
        course = usage[video.course_id]
        course.videos += 1
        course.recorded_bytes += sum(file.size_bytes for file in video.files)


async def _directories(storage: StoragePaths) -> AsyncIterator[Sequence[StoredVideo]]:
    everything = await SHARED_DISK.run(list_stored_videos, storage)
    while batch := await SHARED_DISK.run(_next, everything):
        yield batch


def _next(everything: Iterator[StoredVideo]) -> list[StoredVideo]:
    return list(islice(everything, DIRECTORIES_AT_ONCE))


async def _pages(database: Database) -> AsyncIterator[list[VideoFiles]]:
    after = BEFORE_ALL
    while page := await file_rows.read_next(database, after, ROWS_AT_ONCE):
        yield page
        after = page[-1].id


async def _strays(
    database: Database, storage: StoragePaths, stored: Sequence[StoredVideo]
) -> list[Finding]:
    """Returns strays; a directory without a video is one itself, after its files."""
    ids = [video.video_id for video in stored if video.video_id is not None]
    known = await file_rows.read_videos(database, ids)
    found: list[Finding] = []
    for video in stored:
        rows = known.get(video.video_id) if video.video_id else None
        if rows is not None and rows.course_id != video.course_id:
            rows = None
        found += _strays_of(storage, video, rows)
    return found


def _strays_of(
    storage: StoragePaths, video: StoredVideo, rows: VideoFiles | None
) -> Iterator[Finding]:
    if rows is not None and rows.is_changing:
        return
    detail = "no row speaks of it" if rows else "there is no such video"
    names = _kept_names(video, rows) if rows else set()
    for file in video.files:
        if file.path.parent != video.path or file.path.name not in names:
            yield _stray(storage, video, file.path, file.changed_s, detail)
    if rows is None and video.video_id is not None:
        newest_s = max([video.changed_s, *(file.changed_s for file in video.files)])
        yield replace(_stray(storage, video, video.path, newest_s, detail), is_directory=True)


def _kept_names(video: StoredVideo, rows: VideoFiles) -> set[str]:
    """Returns the files that rows name; with the original if a served file is lost or cut."""
    names = {row.name for row in rows.files}
    there = {
        file.path.name: file.size_bytes for file in video.files if file.path.parent == video.path
    }
    is_lost = any(
        row.kind == "representation" and there.get(row.name) != row.size_bytes for row in rows.files
    )
    return names | {rows.original.name} if is_lost else names


def _stray(
    storage: StoragePaths, video: StoredVideo, path: Path, changed_s: float, detail: str
) -> Finding:
    relative = str(path.relative_to(storage.root))
    return Finding("stray", video.course_id, video.video_id, relative, detail, changed_s)


async def faults_of(
    database: Database, storage: StoragePaths, video_ids: Sequence[UUID], *, is_deep: bool = False
) -> list[Finding]:
    """Returns the findings for the files of a few videos. Raises: as `survey`."""
    page = await file_rows.read_videos(database, video_ids)
    return await _faults(database, storage, list(page.values()), is_deep)


async def _faults(
    database: Database, storage: StoragePaths, page: Sequence[VideoFiles], is_deep: bool
) -> list[Finding]:
    suspects = await SHARED_DISK.run(_find_suspects, storage, page, is_deep)
    if not suspects:
        return []
    # A file may have been removed with its row, or replaced, since the row was read.
    again = await file_rows.read_videos(database, [video.id for video, _, _ in suspects])
    return [
        finding
        for video, row, finding in suspects
        if video.id in again and row in again[video.id].files
    ]


def _find_suspects(
    storage: StoragePaths, page: Sequence[VideoFiles], is_deep: bool
) -> list[tuple[VideoFiles, FileRow, Finding]]:
    """Compares files with their rows. Blocks. Raises: StorageGone for a missing mount."""
    suspects = []
    for video in page:
        for row in video.files:
            fault = _fault(storage.asset(video.course_id, video.id, row.name), row, is_deep)
            if fault is not None and not (video.is_failed and fault[0] == "missing"):
                suspects.append((video, row, _finding(storage, video, row, *fault)))
    if suspects:
        storage.check()
    return suspects


def _fault(path: Path, row: FileRow, is_deep: bool) -> tuple[Kind, str] | None:
    try:
        size_bytes = path.stat(follow_symlinks=False).st_size
        if size_bytes != row.size_bytes:
            return "size-differs", f"{size_bytes} bytes instead of {row.size_bytes}"
        if is_deep and row.sha256 is not None and sha256_file(path) != row.sha256:
            return "hash-differs", "the content is not what was stored"
    except (FileNotFoundError, FileMissing):
        return "missing", "the row's file is not there"
    return None


def _finding(
    storage: StoragePaths, video: VideoFiles, row: FileRow, kind: Kind, detail: str
) -> Finding:
    path = storage.asset(video.course_id, video.id, row.name)
    return Finding(
        kind,
        video.course_id,
        video.id,
        str(path.relative_to(storage.root)),
        detail,
        row=row,
        has_original=row.kind != "original" and _has_original(storage, video),
    )


def _has_original(storage: StoragePaths, video: VideoFiles) -> bool:
    original = video.original
    return _fault(storage.asset(video.course_id, video.id, original.name), original, False) is None


def _retryable(storage: StoragePaths, page: Sequence[VideoFiles]) -> list[Finding]:
    """Returns failed videos whose failure was not the file's, and whose file exists. Blocks."""
    detail = "it failed for a reason that says nothing of the film"
    return [
        _finding(storage, video, video.original, "retryable", detail)
        for video in page
        if video.is_retryable and _has_original(storage, video)
    ]


def _stuck_ladder(video_id: UUID, course_id: str) -> Finding:
    detail = "its renditions are being made, but have no job"
    return Finding("stuck", course_id, video_id, None, detail)


def _stuck(video: file_rows.StuckVideo) -> Finding:
    return Finding(
        "stuck",
        video.course_id,
        video.id,
        None,
        "it is being processed, or replaced, but has no job",
    )
