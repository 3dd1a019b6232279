"""Applies the migrations on disk to the schema, and lists the pending ones.

One migrator at a time: an advisory lock is held on the very connection that runs the statements, so
it lasts exactly as long as the server still works for a killed migrator. A migration and its mark
commit together. Blocks; never call it on the event loop. Does not decide when to migrate.
"""

import os
import platform
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extensions
from yoyo.backends.core.postgresql import PostgresqlBackend
from yoyo.connections import DatabaseURI
from yoyo.exceptions import BadMigration, LockTimeout
from yoyo.migrations import Migration, MigrationList, default_migration_table, read_migrations

from db.advisory_locks import lock_migrations
from db.errors import DatabaseError, DatabaseUnavailable
from db.writable_host import find_writable

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
LOCK_TIMEOUT_S = 300
CONNECT_TIMEOUT_S = 10


class MigrationFailed(DatabaseError):
    """A migration could not be applied."""


def migrate(dsn: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Apply pending migrations; returns their ids, in the order applied.

    Raises: DatabaseUnavailable, MigrationFailed (everything before the failed one stays applied).
    """
    dsn = find_writable(dsn)
    with _exclusive_backend(dsn) as backend:
        todo = backend.to_apply(_read(migrations))
        backend.apply_migrations(todo)
    missing = pending(dsn, migrations)
    if missing:  # yoyo skips a Python step that cannot be imported
        raise MigrationFailed(f"not applied: {', '.join(missing)}")
    return [migration.id for migration in todo]


def pending(dsn: str, migrations: Path = MIGRATIONS) -> list[str]:
    """Ids on disk that are not applied. Reads only: leaves no tables behind."""
    applied = _applied_ids(dsn)
    return [migration.id for migration in _read(migrations) if migration.id not in applied]


def rollback(dsn: str, migrations: Path = MIGRATIONS, count: int | None = None) -> list[str]:
    """Undo the newest `count` applied migrations, or all, newest first; returns their ids.

    Drops the data in what they created.
    """
    with _exclusive_backend(dsn) as backend:
        todo = backend.to_rollback(_read(migrations))[:count]
        backend.rollback_migrations(todo)
    return [migration.id for migration in todo]


def _read(migrations: Path) -> MigrationList:
    return read_migrations(str(migrations))


def _applied_ids(dsn: str) -> set[str]:
    try:
        with closing(psycopg2.connect(dsn, connect_timeout=CONNECT_TIMEOUT_S)) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT to_regclass(%s)", (default_migration_table,))
            if cursor.fetchone() == (None,):
                return set()
            cursor.execute(f"SELECT migration_id FROM {default_migration_table}")
            return {row[0] for row in cursor.fetchall()}
    except psycopg2.OperationalError as exc:
        raise DatabaseUnavailable(str(exc).strip()) from exc
    except psycopg2.Error as exc:  # another role's tables
        raise DatabaseError(str(exc).strip()) from exc


@contextmanager
def _exclusive_backend(dsn: str) -> Iterator["_Backend"]:
    """A connected yoyo backend that no other migrator can use at the same time."""
    try:
        with _Backend(_yoyo_uri(dsn), default_migration_table) as backend:
            _take_advisory_lock(backend)
            backend.init_database()
            # While the advisory lock is held, a row in yoyo's lock table can only be a killed
            # migrator's.
            backend.break_lock()
            with backend.lock():
                yield backend
    except psycopg2.OperationalError as exc:
        raise DatabaseUnavailable(str(exc).strip()) from exc
    except (psycopg2.Error, BadMigration, LockTimeout) as exc:
        raise MigrationFailed(str(exc).strip()) from exc


def _take_advisory_lock(backend: "_Backend") -> None:
    backend.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
    backend.execute(lock_migrations())
    backend.execute("RESET lock_timeout")


def _yoyo_uri(dsn: str) -> DatabaseURI:
    """The DSN in yoyo's form; built, because quoting it into a URL would mean parsing it again."""
    args: dict[str, Any] = dict(psycopg2.extensions.parse_dsn(dsn))
    args.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
    args["client_encoding"] = "UTF8"  # of the statements, whatever the database's is
    return DatabaseURI(
        scheme="postgresql",
        username=None,
        password=None,
        hostname=None,
        port=None,
        database=args.pop("dbname", None),
        args=args,
    )


class _Backend(PostgresqlBackend):  # type: ignore[misc]  # yoyo ships no types
    """yoyo's backend on one connection, marking a migration in the transaction that applies it.

    yoyo itself runs the steps on a second connection, which our lock would not cover, and marks
    afterwards: killed between the two, a migration would be applied a second time.
    """

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        self.ensure_internal_schema_updated()
        with self._transaction_of(migration):
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        self.ensure_internal_schema_updated()
        with self._transaction_of(migration):
            migration.process_steps(self, "rollback", force=force)
            self.unmark_one(migration)

    def _transaction_of(self, migration: Migration) -> Any:
        migration.load()
        return self.transaction() if migration.use_transactions else nullcontext()

    def cursor(self) -> psycopg2.extensions.cursor:
        made: psycopg2.extensions.cursor = self.connection.cursor(cursor_factory=_SilentCursor)
        return made

    def get_log_data(
        self, migration: Migration | None = None, operation: str = "apply"
    ) -> dict[str, Any]:
        # yoyo's own asks DNS for the host's full name, which hangs for seconds where there is
        # none, and the user database for our name, which fails for a container's random uid.
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": str(os.getuid()),
            "hostname": platform.node(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }


class _SilentCursor(psycopg2.extensions.cursor):
    """Hides that a statement returns rows, which yoyo would print on standard output."""

    description = None
