"""Read-only access to the database of the course service that is being left.

The caller names its tables and columns. Everything blocks.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql

CONNECT_TIMEOUT_S = 10
KEEPALIVES: Mapping[str, Any] = {
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
STATEMENT_TIMEOUT_MS = 300_000  # its tables may be large and lack a suitable index

MODULE_COLUMNS = ("id", "course_id", "title", "position", "video_url")
PROGRESS_COLUMNS = (
    "user_id",
    "module_id",
    "progress_seconds",
    "percent",
    "completed",
    "updated_at",
)
ROWS_AT_ONCE = 500


class LegacyError(Exception):
    """The legacy database cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class LegacyTable:
    """`name` may include a schema; `columns` maps our names to the table's, where they differ."""

    name: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LegacyModule:
    """A module of the legacy service; ids are text here whatever their type there."""

    id: str
    course_id: str
    title: str
    position: int
    video_url: str


@dataclass(frozen=True, slots=True)
class LegacyProgress:
    """A user's position in a module, its values as text: they may be of any type there.

    `updated_at_s` is Unix time.
    """

    user_id: str
    module_id: str
    seconds: str | None
    percent: str | None
    completed: str | None
    updated_at_s: float | None


def read_modules(dsn: str, table: LegacyTable) -> list[LegacyModule]:
    """Modules with a video, by course and position. Raises: LegacyError."""
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


def check_progress(dsn: str, table: LegacyTable) -> None:
    """Run the query of `read_progress` for no rows. Raises: LegacyError, as that would."""
    query = sql.SQL("{} LIMIT 0").format(_progress_query(table))
    with _wrap_errors(), closing(_connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)


def read_progress(dsn: str, table: LegacyTable) -> Generator[list[LegacyProgress], None, None]:
    """All rows, in batches of some hundred. Raises: LegacyError.

    In seconds, in percent where only that column is given a name, or in both.
    """
    with (
        _wrap_errors(),
        closing(_connect(dsn)) as connection,
        connection.cursor("progress") as cursor,
    ):
        cursor.execute(_progress_query(table))
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield [LegacyProgress(*row) for row in rows]


def _progress_query(table: LegacyTable) -> sql.Composed:
    """Values are cut to a useful length: they may be anything there."""
    absent = {"progress_seconds"} if "percent" in table.columns else {"percent"}
    absent -= table.columns.keys()
    return _compose(
        """
        SELECT left(coalesce({user_id}::text, ''), 100), left(coalesce({module_id}::text, ''), 100),
               left({progress_seconds}::text, 100), left({percent}::text, 100),
               left({completed}::text, 100), extract(epoch FROM {updated_at}::timestamptz)::float8
        FROM {table}
        """,
        table,
        {name: _column(table, name) for name in PROGRESS_COLUMNS}
        | {name: sql.SQL("NULL") for name in absent},
    )


def _read(dsn: str, statement: str, table: LegacyTable, columns: tuple[str, ...]) -> list[Any]:
    query = _compose(statement, table, {name: _column(table, name) for name in columns})
    with _wrap_errors(), closing(_connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _column(table: LegacyTable, name: str) -> sql.Composable:
    return sql.Identifier(table.columns.get(name, name))


def _compose(
    statement: str, table: LegacyTable, columns: Mapping[str, sql.Composable]
) -> sql.Composed:
    return sql.SQL(statement).format(table=sql.Identifier(*table.name.split(".", 1)), **columns)


def _connect(dsn: str) -> Any:
    """Connect read-only; times without a zone are read as UTC."""
    connection = psycopg2.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S, **KEEPALIVES)
    connection.set_session(readonly=True)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = %s; SET timezone = 'UTC'", (STATEMENT_TIMEOUT_MS,))
    return connection


@contextmanager
def _wrap_errors() -> Iterator[None]:
    """Only the first line of a message is kept: it never holds the password of a parsable URL."""
    try:
        yield
    except (psycopg2.Error, UnicodeDecodeError) as exc:
        said = str(exc).strip().partition("\n")[0]
        raise LegacyError(f"the legacy database: {said}") from exc
