"""Preparation of a command: secrets, logs, database and storage, in that order."""

import asyncio
import logging
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from db.pool import open_database
from db.postgres.migrations import migrate, pending
from db.postgres.server_facts import read_server_facts
from db.writable_host import find_writable
from events.upkeep.pairing import pair
from server.config.settings import Config
from server.errors import OperatorError
from server.limits import check_server, with_descriptors
from server.logs import configure_logging
from server.private_files import exposed
from server.processes import attached_database
from server.secrets import with_secrets
from storage.mount.features import require_features
from storage.mount.identity import hold_owner_lock
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)


class StaleSchemaError(OperatorError):
    """The database lacks migrations that this version needs."""


def prepare(config: Config) -> Config:
    """Fills in kept secrets, configures the logs and raises the limit of open files."""
    config = with_secrets(config)
    secrets = [config.jwt_secret, config.grant_secret]
    secrets += filter(None, (config.database_url, config.cdn_origin_secret))
    configure_logging(config.log_level, config.log_format, secrets)
    _warn_of_exposed_files(config)
    return with_descriptors(config)


def _warn_of_exposed_files(config: Config) -> None:
    for path in exposed(filter(None, (config.env_file, config.tls_key_file, config.cdn_key_file))):
        logger.warning("unprotected: every user of this machine can read %s; chmod o-r", path)


def prepare_schema(config: Config, dsn: str) -> None:
    """Brings the embedded database up to date; any other has to be. Raises: StaleSchemaError."""
    dsn = find_writable(dsn)
    check_server(config, read_server_facts(dsn))
    if config.has_embedded_database:
        migrate(dsn)
    else:
        _require_schema(dsn)


def current_database(config: Config) -> str:
    """The DSN of a database that runs and is up to date.

    Raises: PostgresError, DatabaseError, StaleSchemaError.
    """
    dsn = attached_database(config)
    _require_schema(dsn)
    return dsn


@contextmanager
def paired_storage(config: Config, dsn: str) -> Iterator[StoragePaths]:
    """The storage that belongs to the database, tested, and held for the block.

    Raises: ForeignStorage, StorageError, DatabaseError.
    """

    unpaired = StoragePaths(config.storage_path)

    async def paired() -> StoragePaths:
        async with open_database(dsn, size=1) as database:
            return await pair(database, unpaired)

    storage = asyncio.run(paired())
    require_features(storage)
    with hold_owner_lock(storage.owner):
        yield storage


def run(config: Config, work: Coroutine[Any, Any, None]) -> None:
    """Runs it on the event loop that is configured."""
    new_loop = uvloop.new_event_loop if config.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work)


def _require_schema(dsn: str) -> None:
    if missing := pending(find_writable(dsn)):
        raise StaleSchemaError(
            f"the database lacks {', '.join(missing)}: run `run_server.py migrate` first"
        )
