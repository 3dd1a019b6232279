"""What the program can be told to do. Each command returns the exit code of the program."""

import asyncio
import importlib
import logging
import re
import signal
from argparse import ArgumentTypeError
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

import uvloop

from db.errors import DatabaseError
from db.migrate import migrate as apply_migrations
from db.migrate import pending
from db.pool import open_database
from db.server_facts import read_server_facts
from db.takeover.legacy import LegacyError
from events.errors import ForeignStorage
from events.upkeep.pairing import pair
from handlers.messages import IDENTIFIER, IN_WORDS
from server.commands import demo
from server.commands.adopt_storage import adopt_storage as adopt
from server.commands.check import CheckOptions
from server.commands.check import check as compare
from server.commands.tokens import TokenMint, mint_token
from server.config.settings import Config
from server.config.values import Secret, duration
from server.identity import KeyFileError, check_key_file
from server.limits import LimitError, check_server, with_descriptors
from server.logs import configure_logging
from server.ownership import Owned
from server.postgres.account import PostgresError
from server.postgres.keeper import kept_running
from server.processes import (
    STOP_TIMEOUT_S,
    Children,
    OwnedDatabase,
    attached_database,
    die_with_parent,
    media_workers,
    owned_database,
)
from server.secrets import SecretFileError, with_secrets
from server.stopping import StopRequested, StopSignals, raising_on_stop, stop_signals
from server.takeover.errors import ManifestError, OptionsError, ReportError
from server.takeover.options import ImportOptions
from server.takeover.rollback import roll_back
from server.web.gunicorn_workers import run_workers
from server.web.listening import ListenError
from server.web.processes import web_side
from server.web.tls import TlsError, own_client_context, server_context
from server.worker import STOP_PATIENCE_S
from server.worker import run as run_worker
from storage.errors import StorageError, StorageReadOnly
from storage.identity import owner_held
from storage.inventory import remove_unfinished
from storage.paths import StoragePaths
from storage.s3.errors import S3Error
from storage.sandbox.children import Sandbox
from storage.sandbox.parents import protect_parent

logger = logging.getLogger(__name__)


class NoSharedSecretError(Exception):
    """Tokens can be made only where they are checked with a shared secret."""


class StaleSchemaError(Exception):
    """The database lacks migrations that this version needs."""


class MissingExtraError(Exception):
    """A command needs packages that are installed only on demand."""


class InvalidUserError(Exception):
    """No token for this user would be accepted."""


# What a command may end with that is the operator's to mend: told in a sentence, no traceback.
FAULTS = (
    DatabaseError,
    ForeignStorage,
    InvalidUserError,
    KeyFileError,
    LegacyError,
    LimitError,
    ListenError,
    ManifestError,
    MissingExtraError,
    NoSharedSecretError,
    OptionsError,
    Owned,
    PostgresError,
    ReportError,
    S3Error,
    SecretFileError,
    StaleSchemaError,
    StorageError,
    TlsError,
)


def serve(config: Config, *, has_demo: bool) -> int:
    """Everything on this machine, until a signal; PostgreSQL is the last to stop."""
    if has_demo:
        _need_shared_secret(config, "serve --demo")
    protect_parent()
    config = _prepared(config)
    server_context(config)  # its faults are told before anything is started
    check_key_file(config)
    try:
        with raising_on_stop(), owned_database(config) as database:
            _prepare_schema(config, database.dsn)
            with _paired_storage(config, database.dsn) as storage:
                _clear_leftovers(storage)
                _run(config, _serve(config, database, has_demo))
    except StopRequested:
        logger.info("stopped")
    return 0


def worker(config: Config, *, parent_pid: int | None) -> int:
    """Media work alone, beside a `serve` or on a machine of its own."""
    if parent_pid is not None:
        die_with_parent(parent_pid)
    protect_parent()
    config = _prepared(config)
    dsn = _current_database(config)
    with _paired_storage(config, dsn):
        _run(config, _work(config, dsn))
    return 0


def web_workers(config: Config, parent_pid: int, ready: int, *listeners: int) -> NoReturn:
    """What `serve` starts for several web processes, on listeners that it hands down."""
    die_with_parent(parent_pid, signal.SIGKILL)  # as one web process ends that is killed
    protect_parent()
    config = _prepared(config)
    run_workers(config, attached_database(config), listeners, ready)


def migrate(config: Config) -> int:
    """Brings the schema up to date; starts the embedded database for that if nobody runs it."""
    _prepared(config)
    try:
        with raising_on_stop(), owned_database(config) as database:
            applied = apply_migrations(database.dsn)
    except Owned:
        applied = apply_migrations(attached_database(config))
    except StopRequested:
        return 1
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return 0


def life(text: str) -> int:
    """How many seconds a token shall live. Raises: ArgumentTypeError with what is allowed."""
    rule = duration()
    try:
        seconds: int = rule.parse(text)
    except ValueError:
        raise ArgumentTypeError(f"found {text!r}, allowed is {rule.allowed}") from None
    return seconds


def token(config: Config, *, user_id: str, role: str | None, ttl_s: int) -> int:
    """Prints a bearer token for that user."""
    _need_shared_secret(config, "token")
    if not re.fullmatch(IDENTIFIER, user_id):
        raise InvalidUserError(f"{user_id!r} is no user id: a text {IN_WORDS[IDENTIFIER]}")
    config = with_secrets(config)
    print(token_mint(config)(user_id, roles=(role,) if role else (), ttl_s=ttl_s))
    return 0


def check(config: Config, options: CheckOptions) -> int:
    """Prints what files and rows say differently; the database has to run."""
    report = compare(StoragePaths(config.storage_path), _current_database(config), options)
    print(report.as_json() if options.is_json else report.as_table())
    return report.exit_code


def adopt_storage(config: Config, *, is_confirmed: bool) -> int:
    """Prints what lies in the storage; the database is started for that if nobody runs it."""
    config = _prepared(config)
    storage = StoragePaths(config.storage_path)
    try:
        with raising_on_stop(), owned_database(config) as database:
            _prepare_schema(config, database.dsn)
            report = adopt(storage, database.dsn, is_confirmed=is_confirmed)
    except Owned:
        report = adopt(storage, _current_database(config), is_confirmed=is_confirmed)
    except StopRequested:
        return 1
    print(report.text)
    return 0


def import_s3(config: Config, options: ImportOptions) -> int:
    """Takes lectures over from S3 while the service runs, prints what it would take, looks whether
    all that it took is whole, or has S3 shown again."""
    if options.is_rollback:
        return roll_back(_current_database(config), options)
    if options.is_dry:
        return int(
            _of_extra("server.takeover.dry_run").list_s3(config, _ledger_at_hand(config), options)
        )
    if options.is_verifying:
        verifying = _of_extra("server.takeover.verify")
        return int(verifying.verify_s3(config, _current_database(config), options))
    protect_parent()
    importing = _of_extra("server.takeover.import_s3")
    return int(importing.import_s3(config, _current_database(config), options))


def _of_extra(name: str) -> Any:
    """A module that is imported when it is used: only who leaves S3 has its client installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as exc:
        raise MissingExtraError(
            f"import-s3 needs {exc.name}: run `make install EXTRAS=s3` in this folder"
        ) from exc


def token_mint(config: Config) -> TokenMint:
    """Makes tokens that a server with this configuration accepts."""
    return partial(
        mint_token,
        config.jwt_secret.reveal(),
        audience=config.jwt_audience,
        issuer=config.jwt_issuer,
    )


def _need_shared_secret(config: Config, command: str) -> None:
    if not config.has_shared_secret:
        raise NoSharedSecretError(
            f"{command} makes tokens, which needs a shared secret (COURSESTREAM_JWT_SECRET); with"
            " COURSESTREAM_JWT_PUBLIC_KEY_FILE or COURSESTREAM_JWT_JWKS_URL their issuer makes them"
        )


def _prepared(config: Config) -> Config:
    config = with_secrets(config)
    secrets = [config.jwt_secret, config.grant_secret, config.database_url or Secret("")]
    configure_logging(config.log_level, config.log_format, secrets)
    return with_descriptors(config)


def _prepare_schema(config: Config, dsn: str) -> None:
    check_server(config, read_server_facts(dsn))
    if config.has_embedded_database:
        apply_migrations(dsn)
    else:
        _need_schema(dsn)


def _current_database(config: Config) -> str:
    dsn = attached_database(config)
    _need_schema(dsn)
    return dsn


def _ledger_at_hand(config: Config) -> str | None:
    """The database, if it runs and is up to date: an inventory can be taken before there is one."""
    try:
        return _current_database(config)
    except (PostgresError, DatabaseError, StaleSchemaError):
        return None


def _need_schema(dsn: str) -> None:
    if missing := pending(dsn):
        raise StaleSchemaError(
            f"the database lacks {', '.join(missing)}: run `run_server.py migrate` first"
        )


@contextmanager
def _paired_storage(config: Config, dsn: str) -> Iterator[StoragePaths]:
    """The storage that belongs to the database, held for the block.

    Raises: ForeignStorage, StorageError, DatabaseError.
    """

    unpaired = StoragePaths(config.storage_path)

    async def paired() -> StoragePaths:
        async with open_database(dsn, size=1) as database:
            return await pair(database, unpaired)

    storage = asyncio.run(paired())
    with owner_held(storage.owner):
        yield storage


def _clear_leftovers(storage: StoragePaths) -> None:
    """Uploads and media work that a crash cut short; what others are at work with stays."""
    try:
        remove_unfinished(storage)
    except StorageReadOnly as exc:  # what is stored can be watched all the same
        logger.warning("leftovers of uploads stay: %s", exc)


def _run(config: Config, work: Coroutine[Any, Any, None]) -> None:
    new_loop = uvloop.new_event_loop if config.event_loop == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(work)


async def _serve(config: Config, database: OwnedDatabase, has_demo: bool) -> None:
    with stop_signals() as signals:
        await _tell_confinement()
        async with kept_running(database.embedded), media_workers(config) as children:
            async with web_side(config, database.dsn, signals) as base_url:
                _say(f"coursestream listens on {base_url}")
                if has_demo:
                    await signals.until_requested(_make_demo(config, base_url))
                await signals.requested.wait()
            await _stop(children, signals)


async def _tell_confinement() -> None:
    """What this system refuses to the sandbox is no reason not to serve."""
    try:
        logger.info("%s", await Sandbox(1).confinement())
    except StorageError as exc:
        logger.warning("the sandbox could not be tried: %s", exc)


async def _stop(children: Children, signals: StopSignals) -> None:
    await signals.unless_hurried(children.stop(STOP_TIMEOUT_S))


async def _make_demo(config: Config, base_url: str) -> None:
    mint = token_mint(config)
    _say("making the demonstration course, some ten seconds the first time")
    try:
        await demo.seed(base_url, mint, own_client_context(config))
    except demo.NotADemo:
        _say(
            "the demonstration course was not made: this database holds other courses. Without"
            " --demo nothing else is different; for a demonstration set COURSESTREAM_DATA_DIR to a"
            " new directory"
        )
        return
    except Exception:  # the server itself is well, and goes on
        logger.exception("the demonstration course could not be made")
        return
    lines = [f"{address.who}: {address.url}" for address in demo.addresses(base_url, mint)]
    _say("\n".join(["", "Open one of these; Ctrl-C stops everything.", *lines, ""]))


async def _work(config: Config, dsn: str) -> None:
    with stop_signals() as signals:
        await signals.until_requested(run_worker(config, dsn), STOP_PATIENCE_S)


def _say(line: str) -> None:
    print(line, flush=True)
