"""`import-s3`: dispatches to its four modes, whose modules need the extra for S3."""

import importlib
from argparse import Namespace
from typing import Any

from db.errors import DatabaseError
from server.commands.preparation import StaleSchemaError, current_database
from server.config.settings import Config
from server.errors import OperatorError
from server.postgres.account import PostgresError
from server.takeover.options import add_options, import_options
from server.takeover.rollback import roll_back
from storage.sandbox.parent import protect_parent


class MissingExtraError(OperatorError):
    """A command needs packages that are installed only on demand."""


def add_import_s3(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = add_options(names)
    parser.set_defaults(run=import_s3, fault_code=2)


def import_s3(config: Config, arguments: Namespace) -> int:
    """Imports lectures, lists what it would import, verifies imports, or plays them from S3 again.

    Exit code 1: something is left to be done.
    """
    options = import_options(arguments)
    if options.is_rollback:
        return roll_back(current_database(config), options)
    if options.is_dry:
        listing = _of_extra("server.takeover.dry_run")
        return int(listing.list_s3(config, _database_at_hand(config), options))
    if options.is_verifying:
        verifying = _of_extra("server.takeover.verify")
        return int(verifying.verify_s3(config, current_database(config), options))
    protect_parent()
    importing = _of_extra("server.takeover.import_s3")
    return int(importing.import_s3(config, current_database(config), options))


def _of_extra(name: str) -> Any:
    """Import a module on use: the S3 client is installed only where it is needed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            f"import-s3 needs {exc.name}: run `make install EXTRAS=s3` in this folder"
        ) from exc


def _database_at_hand(config: Config) -> str | None:
    """The database, if it runs and is up to date: an inventory can be taken before there is one."""
    try:
        return current_database(config)
    except (PostgresError, DatabaseError, StaleSchemaError):
        return None
