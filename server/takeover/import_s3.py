"""`import-s3`: imports lectures from S3 and their viewers' positions.

Exit code 0: everything is imported; 1: something is not; 2: the import could not run.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from db.pool import Database, open_database
from db.takeover import imports
from events.errors import NotTaken
from events.takeover.object_import import Importer, ImportSettings
from events.takeover.switch_source import switch_source
from events.upkeep.pairing import pair
from server.config.settings import Config
from server.stop_signals import StopSignals, for_each, stop_signals
from server.takeover.announce import announce_entries
from server.takeover.inventory import Entry, take_inventory
from server.takeover.options import ImportOptions
from server.takeover.progress_display import ProgressDisplay, show_progress
from server.takeover.report import write_and_print
from server.takeover.viewer_positions import carry_viewers, open_viewer_report
from storage.concurrency.tasks import end
from storage.disk import SHARED_DISK
from storage.mount.features import require_features
from storage.paths import StoragePaths
from storage.s3.locations import Location
from storage.s3.object_fetch import FetchControl
from storage.s3.objects import Client, look_up, open_client
from storage.sandbox.children import Sandbox

CONNECTIONS = 4
PROBES_AT_ONCE = 2
PROBE_WAIT_S = 600.0  # no client waits here


def import_s3(config: Config, dsn: str, options: ImportOptions) -> int:
    """Raises: S3Error, LegacyError, ManifestError, ReportError, StorageError, DatabaseError."""
    connections = 2 * options.parallel  # each object's checksums are requested while it is fetched
    client = open_client(options.endpoint_url, options.region, options.profile, connections)
    entries = take_inventory(options, partial(look_up, client, config.max_upload_size_bytes))
    with (
        open_viewer_report(options) as viewers,
        ThreadPoolExecutor(3 * options.parallel, "s3") as executor,
    ):
        storage = StoragePaths(config.storage_path)
        takeover = Takeover(config, options, storage, client, executor)
        entries = asyncio.run(takeover.run(dsn, entries))
        code = write_and_print(options, entries)
        if options.progress is None or any(entry.state == "interrupted" for entry in entries):
            return code
        asyncio.run(carry_viewers(config, dsn, options, viewers, executor))
    print(viewers.line)
    return 1 if viewers.has_left else code


@dataclass(frozen=True, slots=True)
class Takeover:
    """One run of the import; `executor` has threads for all concurrent parts and objects."""

    config: Config
    options: ImportOptions
    storage: StoragePaths
    client: Client
    executor: Executor

    async def run(self, dsn: str, entries: Sequence[Entry]) -> list[Entry]:
        """Runs the import; returns the entries with their final state."""
        async with open_database(dsn, size=CONNECTIONS) as database:
            storage = await pair(database, self.storage, may_make=False)
            await SHARED_DISK.run(require_features, storage)
            entries = await _without_taken(database, entries)
            entries = await announce_entries(
                database, entries, self.options.endpoint_url, self.client.meta.region_name
            )
            groups = _by_object(entries)
            total_bytes = sum(group[0].size_bytes for group in groups)
            with (
                stop_signals() as signals,
                show_progress(sys.stdout, total_bytes, len(groups)) as progress,
            ):
                shared = FetchControl(progress.add_bytes, self.options.bandwidth_bytes)
                importer = self._importer(database, storage, shared)
                states = await _all(
                    importer, shared, signals, groups, self.options.parallel, progress
                )
            entries = [states.get(entry.module.id) or _as_left(entry) for entry in entries]
            if signals.hurried.is_set():
                # Threads may wait for S3 for minutes; the next run treats this as a crash.
                os._exit(write_and_print(self.options, entries))
        return entries

    def _importer(
        self, database: Database, storage: StoragePaths, shared: FetchControl
    ) -> Importer:
        return Importer(
            database,
            storage,
            Sandbox(PROBES_AT_ONCE, max_wait_s=PROBE_WAIT_S),
            self.executor,
            self.client,
            shared,
            import_settings(self.config),
            self.options.parallel,
        )


async def _without_taken(database: Database, entries: Sequence[Entry]) -> list[Entry]:
    """Marks imported modules as taken; those that were rolled back show the import again."""
    modules = [entry.module.id for entry in entries if entry.object]
    taken = await imports.list_taken(database, modules)
    again = set(await switch_source(database, is_local=True, module_ids=modules))
    return [
        replace(entry, state="taken", detail="again" if entry.module.id in again else "before")
        if entry.module.id in taken and entry.object
        else entry
        for entry in entries
    ]


def _by_object(entries: Sequence[Entry]) -> list[list[Entry]]:
    groups: dict[Location, list[Entry]] = {}
    for entry in entries:
        if entry.state == "found" and entry.object:
            groups.setdefault(entry.object.location, []).append(entry)
    return list(groups.values())


async def _all(
    importer: Importer,
    shared: FetchControl,
    signals: StopSignals,
    groups: Sequence[list[Entry]],
    parallel: int,
    progress: ProgressDisplay,
) -> dict[str, Entry]:
    """Imports the groups; returns final entries by module id. The first signal ends the running
    parts early, the second abandons the work."""
    states: dict[str, Entry] = {}

    async def take(group: list[Entry]) -> None:
        became = await _one(importer, group)
        states.update({entry.module.id: entry for entry in became})
        progress.add_file(str(group[0].object and group[0].object.location), became[0].state)

    watching = asyncio.create_task(_stop_when_asked(signals, shared))
    try:
        await for_each(groups, take, parallel, signals)
    finally:
        shared.stopping.set()
        await end(watching)
    return states


async def _stop_when_asked(signals: StopSignals, shared: FetchControl) -> None:
    await signals.requested.wait()
    shared.stopping.set()


async def _one(importer: Importer, group: Sequence[Entry]) -> list[Entry]:
    found = group[0].object
    assert found is not None
    try:
        taken = await importer.take(found, [entry.module for entry in group])
    except NotTaken as exc:
        return [entry.failed(exc) for entry in group]
    verified, faults = taken.verified, taken.faults
    detail = f"sha256 {verified.sha256}, verified by {verified.by}"
    return [
        entry.failed(faults[entry.module.id])
        if entry.module.id in faults
        else replace(entry, state="taken", detail=detail)
        for entry in group
    ]


def _as_left(entry: Entry) -> Entry:
    """Marks an entry that was not reached as interrupted."""
    if entry.state != "found":
        return entry
    return replace(entry, state="interrupted", detail="run again")


def import_settings(config: Config) -> ImportSettings:
    return ImportSettings(
        quota_bytes=config.storage_quota_bytes,
        reserve_bytes=config.storage_reserve_bytes,
        allowed_formats=config.allowed_formats,
        media_limits=config.media_limits,
    )
