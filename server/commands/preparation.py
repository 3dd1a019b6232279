"""Preparation of a command: secrets, logs, database and storage, in that order."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import uvloop

from db.pool import open_database
from db.postgres.migrations import migrate, pending
from db.postgres.server_facts import read_running, read_server_facts
from db.writable_host import find_writable
from events.upkeep.membership import SILENT_S
from events.upkeep.pairing import pair
from server.config.settings import Config
from server.credentials.private_files import exposed
from server.credentials.secrets import with_secrets
from server.errors import OperatorError
from server.limits import check_server, warn_of_few_connections, with_descriptors
from server.logs import configure_logging
from server.processes import attached_database
from server.tracing.collector import require_packages
from server.web.listener import ListenError
from server.web.ports import is_taken, taken
from storage.identity import hold_owner_lock
from storage.mount.features import require_features
from storage.paths import StoragePaths

LOOPBACK = "127.0.0.1"
PORT_PATIENCE_S = 3.0  # the processes of a server that was killed have left their port by then
PORT_POLL_S = 0.1

logger = logging.getLogger(__name__)


class StaleSchemaError(OperatorError):
    """The database lacks migrations that this version needs."""


def require_ports(config: Config) -> None:
    """Reports a port that another program holds, before anything is started. Raises: ListenError.

    Whoever takes one afterwards is reported when it is bound.
    """
    deadline_s = time.monotonic() + PORT_PATIENCE_S
    wanted = [(config.host, config.port, "PORT")]
    if config.metrics_port is not None:
        wanted.append((LOOPBACK, config.metrics_port, "METRICS_PORT"))
    for host, port, variable in wanted:
        while is_taken(host, port):
            if time.monotonic() > deadline_s:
                purpose = "" if variable == "PORT" else " for metrics"
                reason = taken(host, port, variable)
                raise ListenError(f"cannot listen on {host}:{port}{purpose}: {reason}")
            time.sleep(PORT_POLL_S)


def prepare(config: Config) -> Config:
    """Fills in kept secrets, configures the logs and raises the limit of open files."""
    require_packages(config)
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
    facts = read_server_facts(dsn)
    check_server(config, facts)
    if config.has_embedded_database:
        migrate(dsn)
    else:
        _require_schema(dsn)
        warn_of_few_connections(config, facts, read_running(dsn, SILENT_S))


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
