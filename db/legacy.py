"""The database of the course service that is left: read, never written to.

Which tables and columns hold what is for the caller to say. Everything blocks.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

CONNECT_TIMEOUT_S = 10
STATEMENT_TIMEOUT_MS = 300_000  # its tables may be large and have no index that helps

MODULE_COLUMNS = ("id", "course_id", "title", "position", "video_url")


class LegacyError(Exception):
    """The legacy database cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class LegacyTable:
    """`name` may have a schema before it; `columns` maps our words to the table's, where they
    differ."""

    name: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LegacyModule:
    """A module as it stands there; ids are text here whatever they are there."""

    id: str
    course_id: str
    title: str
    position: int
    video_url: str


def read_modules(dsn: str, table: LegacyTable) -> list[LegacyModule]:
    """Those with a video, by course and place. Raises: LegacyError."""
    rows = _read(
        dsn,
        """
        SELECT {id}::text, {course_id}::text, coalesce({title}::text, ''),
               coalesce({position}, 0)::int, {video_url}::text
        FROM {table} WHERE {video_url} <> '' ORDER BY {course_id}, {position}, {id}
        """,
        table,
        MODULE_COLUMNS,
    )
    return [LegacyModule(*row) for row in rows]


def _read(dsn: str, statement: str, table: LegacyTable, columns: tuple[str, ...]) -> list[Any]:
    names = {name: sql.Identifier(table.columns.get(name, name)) for name in columns}
    query = sql.SQL(statement).format(table=sql.Identifier(*table.name.split(".", 1)), **names)
    try:
        with closing(_connect(dsn)) as connection, connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = %s", (STATEMENT_TIMEOUT_MS,))
            cursor.execute(query)
            return list(cursor.fetchall())
    except psycopg2.Error as error:
        raise LegacyError(f"the legacy database: {_said(error)}") from error


def _connect(dsn: str) -> Any:
    connection = psycopg2.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S)
    connection.set_session(readonly=True)
    return connection


def _said(error: psycopg2.Error) -> str:
    """Its first line, which never holds the password of a URL that could be read."""
    return str(error).strip().partition("\n")[0]
