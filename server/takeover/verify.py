"""`import-s3 --verify`: checks that everything imported is here, intact, and the same as in S3.

Exit code 0: it is; 1: something is not or could not be compared; 2: the check failed.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

from db.pool import Database, open_database
from db.takeover import taken_modules
from db.takeover.taken_modules import TakenModule
from events.takeover.verify import Verifier
from events.upkeep.pairing import pair
from server.config.settings import Config
from server.stop_signals import for_each, stop_signals
from server.takeover.inventory import Entry
from server.takeover.options import ImportOptions
from server.takeover.progress_display import show_progress
from server.takeover.report import write_verification
from storage.paths import StoragePaths
from storage.s3.objects import Client, open_client

CONNECTIONS = 2
MODULES_AT_ONCE = 1000


def verify_s3(config: Config, dsn: str, options: ImportOptions) -> int:
    """Changes nothing. Raises: S3Error, ReportError, StorageError, DatabaseError."""
    client = open_client(options.endpoint_url, options.region, options.profile, options.parallel)
    with ThreadPoolExecutor(options.parallel, "s3") as executor:
        storage = StoragePaths(config.storage_path)
        entries = asyncio.run(_verify(dsn, storage, options, client, executor))
    return write_verification(options, entries)


async def _verify(
    dsn: str, storage: StoragePaths, options: ImportOptions, client: Client, executor: Executor
) -> list[Entry]:
    async with open_database(dsn, size=CONNECTIONS) as database:
        storage = await pair(database, storage, may_make=False)
        taken = await _list_taken(database, options)
        verifier = Verifier(database, storage, executor, client)
        return await _verify_all(verifier, taken, options)


async def _list_taken(database: Database, options: ImportOptions) -> list[TakenModule]:
    taken: list[TakenModule] = []
    while page := await taken_modules.list_modules(
        database,
        options.bucket,
        options.prefix,
        after=taken[-1].module.id if taken else "",
        limit=MODULES_AT_ONCE,
    ):
        taken += page
    return taken


async def _verify_all(
    verifier: Verifier, taken: Sequence[TakenModule], options: ImportOptions
) -> list[Entry]:
    entries = {one.module.id: Entry(one.module, "interrupted", "run again") for one in taken}
    total_bytes = sum(one.size_bytes for one in taken)

    async def verify(one: TakenModule) -> None:
        verdict = await verifier.verify(one)
        entries[one.module.id] = Entry(one.module, verdict.state, verdict.detail, verdict.found)
        progress.add_bytes(one.size_bytes)
        progress.add_file(str(verdict.found.location), verdict.state)

    with stop_signals() as signals, show_progress(sys.stdout, total_bytes, len(taken)) as progress:
        await for_each(taken, verify, options.parallel, signals)
    if signals.hurried.is_set():
        os._exit(write_verification(options, list(entries.values())))
    return list(entries.values())
