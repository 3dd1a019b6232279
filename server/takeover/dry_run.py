"""`import-s3 --dry-run`: lists what an import would take, obstacles and cost.

If the service's database is available, also what was imported, partly fetched or refused before.
Exit code 0: everything can be imported; 1: something cannot; 2: the check failed.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from db.pool import open_database
from db.takeover import announcements, imports
from db.takeover.imports import ImportedObject
from events.errors import deleted_video_fault
from server.config.settings import Config
from server.takeover.inventory import Entry, take_inventory
from server.takeover.options import ImportOptions
from server.takeover.report import TAKEN, write_and_print
from server.takeover.viewer_positions import count_viewers, open_viewer_report
from storage.paths import StoragePaths
from storage.s3.objects import S3Object, look_up, open_client

WITHOUT_LEDGER = "no database of the service was at hand: what was taken over before is not known"

Begun = Mapping[tuple[str, str], ImportedObject]


def list_s3(config: Config, dsn: str | None, options: ImportOptions) -> int:
    """Changes nothing.

    Raises: S3Error, LegacyError, ManifestError, ReportError, StorageError, DatabaseError.
    """
    client = open_client(options.endpoint_url, options.region, options.profile, options.parallel)
    entries = take_inventory(options, partial(look_up, client, config.max_upload_size_bytes))
    if dsn is not None:
        entries = with_ledger(dsn, StoragePaths(config.storage_path), entries)
    code = write_and_print(options, entries)
    if dsn is None:
        print(WITHOUT_LEDGER)
    if options.progress is None:
        return code
    with open_viewer_report(options) as viewers:
        modules = (entry.module.id for entry in entries if entry.state in TAKEN)
        count_viewers(options, modules, viewers)
    print(viewers.line)
    return 1 if viewers.has_left else code


def with_ledger(dsn: str, storage: StoragePaths, entries: Sequence[Entry]) -> list[Entry]:
    """Returns the entries in the state an import would find. Raises: DatabaseError."""
    taken, gone, begun = asyncio.run(_read(dsn, entries))
    return [
        entry.failed(deleted_video_fault())
        if entry.object and entry.module.id in gone
        else _known(storage, entry, begun, is_taken=entry.module.id in taken)
        for entry in entries
    ]


async def _read(
    dsn: str, entries: Sequence[Entry]
) -> tuple[Collection[str], Collection[str], Begun]:
    """Returns imported modules, modules whose video was deleted, and partly fetched objects."""
    modules = [entry.module.id for entry in entries]
    found = {_row(entry.object) for entry in entries if entry.object and entry.state == "found"}
    async with open_database(dsn, size=1) as database:
        taken = await imports.list_taken(database, modules)
        gone = await announcements.list_deleted(database, modules)
        return taken, gone, await imports.list_begun(database, sorted(found))


def _row(found: S3Object) -> tuple[str, str, str, int]:
    return found.location.bucket, found.location.key, found.etag, found.size_bytes


def _known(storage: StoragePaths, entry: Entry, begun: Begun, *, is_taken: bool) -> Entry:
    if entry.object is None:
        return entry
    if is_taken:
        return replace(entry, state="taken", detail="before")
    location = entry.object.location
    known = begun.get((location.bucket, location.key))
    if known is None or entry.state != "found":
        return entry
    if known.refused_for is not None:
        return replace(entry, state="refused", detail=known.refused_for)
    return replace(entry, fetched_bytes=_fetched_bytes(storage, known))


def _fetched_bytes(storage: StoragePaths, known: ImportedObject) -> int:
    """Returns the fetched bytes; 0 if the file is shorter than the ledger claims."""
    size_bytes = 0
    with suppress(FileNotFoundError):
        size_bytes = storage.partial(known.id).stat().st_size
    is_there = all(stop <= size_bytes for _, stop in known.fetched)
    return sum(stop - start for start, stop in known.fetched) if is_there else 0
