"""Descriptor and database connection limits, checked against the settings at start."""

import logging
import resource
from dataclasses import dataclass, replace

from db.postgres.server_facts import RunningProcesses, ServerFacts
from server.config.settings import Config
from server.errors import OperatorError

# Besides one per connection: open videos, uploads, database connections, the log.
OTHER_DESCRIPTORS = 1024
# Besides the pool: the log's tail, the candidate for delivery, and reconciliation while it runs.
OTHER_WEB_CONNECTIONS = 3
WORKER_CONNECTIONS = 6  # three of its pool, and of its queue's, one of which listens
SPARE_CONNECTIONS = 13  # three are reserved for superusers; commands besides `serve` need a few
MIN_POSTGRES_VERSION = 15

logger = logging.getLogger(__name__)


class LimitError(OperatorError):
    """The database server cannot serve this configuration."""


def with_descriptors(config: Config) -> Config:
    """Raises the descriptor limit to its hard maximum; lowers MAX_CONNECTIONS if it must."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return fit_connections(config, hard)


def fit_connections(config: Config, descriptors: int) -> Config:
    """Returns the configuration with `max_connections` lowered to fit `descriptors`."""
    room = max(1, descriptors - OTHER_DESCRIPTORS, descriptors // 2)
    if descriptors == resource.RLIM_INFINITY or config.max_connections <= room:
        return config
    logger.warning(
        "MAX_CONNECTIONS lowered from %d to %d: only %d descriptors are allowed (ulimit -n)",
        config.max_connections,
        room,
        descriptors,
    )
    return replace(config, max_connections=room)


def needed_connections(config: Config) -> int:
    """Returns the most database connections that all processes of this `serve` hold at once."""
    return _connections_of(config, RunningProcesses(config.workers, config.media_workers))


def _connections_of(config: Config, running: RunningProcesses) -> int:
    web = running.web_processes * (config.database_pool_size + OTHER_WEB_CONNECTIONS)
    return web + running.media_workers * WORKER_CONNECTIONS


def embedded_connections(config: Config) -> int:
    """Returns `max_connections` for the embedded server: the needed ones and spare ones."""
    return needed_connections(config) + SPARE_CONNECTIONS


@dataclass(frozen=True, slots=True)
class ConnectionNeed:
    """Database connections: the most that one `serve` takes, the most that all processes take which
    run now on all machines, and how many there are for all."""

    needed: int
    allowed: int
    web_processes: int
    media_workers: int
    needed_by_all: int

    def __str__(self) -> str:
        return (
            f"each `serve` with these settings takes up to {self.needed} connections, the database"
            f" server allows {self.allowed} in all; max_connections ="
            f" {self.needed_by_all + SPARE_CONNECTIONS} is needed for those that run now (web"
            f" processes: {self.web_processes}, media workers: {self.media_workers})"
        )


def connection_need(
    config: Config, facts: ServerFacts, running: RunningProcesses
) -> ConnectionNeed:
    """The settings of all machines are taken to be these."""
    return ConnectionNeed(
        needed_connections(config),
        facts.max_connections,
        running.web_processes,
        running.media_workers,
        _connections_of(config, running),
    )


def warn_of_few_connections(config: Config, facts: ServerFacts, running: RunningProcesses) -> None:
    """Logs that the server has too few for those who run already and this `serve` together."""
    taken = _connections_of(config, running)
    needed = needed_connections(config) + taken
    if needed > facts.max_connections:
        logger.warning(
            "up to %d database connections are needed by this `serve` and those that run already"
            " (web processes: %d, media workers: %d), the server allows %d: set its max_connections"
            " to %d, or lower COURSESTREAM_DATABASE_POOL_SIZE on all machines",
            needed,
            running.web_processes,
            running.media_workers,
            facts.max_connections,
            needed + SPARE_CONNECTIONS,
        )


def check_database(facts: ServerFacts) -> None:
    """Raises: LimitError for a server too old, or a database that cannot hold every text."""
    if facts.major_version < MIN_POSTGRES_VERSION:
        raise LimitError(
            f"PostgreSQL {MIN_POSTGRES_VERSION} or newer is needed, this is {facts.major_version}"
        )
    if facts.encoding != "UTF8":
        raise LimitError(
            f"the database must have the encoding UTF8, this one has {facts.encoding}: make it with"
            " `createdb --template=template0 --encoding=UTF8`"
        )


def check_server(config: Config, facts: ServerFacts) -> None:
    """Raises: LimitError as `check_database`, or for too few connections."""
    check_database(facts)
    needed = needed_connections(config)
    if needed > facts.max_connections:
        raise LimitError(
            f"up to {needed} database connections are needed, the server allows"
            f" {facts.max_connections}: lower COURSESTREAM_DATABASE_POOL_SIZE or raise the server's"
            " max_connections"
        )
