"""`migrate`: brings the database schema up to date."""

from argparse import Namespace
from typing import Any

from db.postgres.migrations import migrate as apply_migrations
from db.postgres.server_facts import read_server_facts
from db.writable_host import find_writable
from server.commands.preparation import prepare
from server.config.settings import Config
from server.limits import check_database
from server.postgres.ownership import Owned
from server.processes import attached_database, owned_database
from server.stop_signals import StopRequested, raising_on_stop


def add_migrate(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = names.add_parser("migrate", help="bring the database schema up to date")
    parser.set_defaults(run=migrate, fault_code=1)


def migrate(config: Config, arguments: Namespace) -> int:
    """Starts the embedded database if it is not running. Exit code 0; 1 when interrupted."""
    prepare(config)
    try:
        with raising_on_stop(), owned_database(config) as database:
            applied = _migrated(database.dsn)
    except Owned:
        applied = _migrated(attached_database(config))
    except StopRequested:
        return 1
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return 0


def _migrated(dsn: str) -> list[str]:
    """Raises: LimitError, DatabaseError."""
    dsn = find_writable(dsn)
    check_database(read_server_facts(dsn))
    return apply_migrations(dsn)
