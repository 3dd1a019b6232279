"""Version and connection limit of the PostgreSQL server; read at start, before there is a loop."""

from contextlib import closing
from dataclasses import dataclass

import psycopg2

from db.errors import DatabaseUnavailable

CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """`max_connections` excludes those reserved for superusers."""

    major_version: int
    max_connections: int


def read_server_facts(dsn: str) -> ServerFacts:
    """Raises: DatabaseUnavailable."""
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S)) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT current_setting('max_connections')::int"
                " - current_setting('superuser_reserved_connections')::int"
            )
            row = cursor.fetchone()
            return ServerFacts(connection.server_version // 10000, row[0] if row else 0)
    except psycopg2.Error as exc:
        raise DatabaseUnavailable(str(exc).strip()) from exc
