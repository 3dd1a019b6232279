"""Facts of a PostgreSQL server, and who uses it; read at start, before there is a loop."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2

from db.errors import DatabaseUnavailable

CONNECT_TIMEOUT_S = 10
_FACTS = """
SELECT current_setting('server_version_num')::int / 10000,
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int,
    current_setting('server_encoding')
"""
_RUNNING = """
SELECT
    (
        SELECT count(*) FROM web_processes
        WHERE seen_at > clock_timestamp() - make_interval(secs => %(silent_s)s)
    ),
    (
        SELECT count(*) FROM procrastinate_workers
        WHERE last_heartbeat > clock_timestamp() - make_interval(secs => %(silent_s)s)
    )
"""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`max_connections` excludes those reserved for superusers; `encoding` is the database's."""

    major_version: int
    max_connections: int
    encoding: str = "UTF8"


@dataclass(frozen=True, slots=True)
class RunningProcesses:
    """Processes on all machines that use the database; the killed ones of the last seconds, too."""

    web_processes: int
    media_workers: int


def read_server_facts(dsn: str) -> ServerFacts:
    """Raises: DatabaseUnavailable."""
    return ServerFacts(*_read(dsn, _FACTS, {}))


def read_running(dsn: str, silent_s: float) -> RunningProcesses:
    """The schema is up to date. Raises: DatabaseUnavailable."""
    return RunningProcesses(*_read(dsn, _RUNNING, {"silent_s": silent_s}))


def _read(dsn: str, sql: str, parameters: dict[str, Any]) -> tuple[Any, ...]:
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, parameters)
            row: tuple[Any, ...] | None = cursor.fetchone()
            assert row is not None
            return row
    except psycopg2.Error as exc:
        raise DatabaseUnavailable(str(exc).strip()) from exc
