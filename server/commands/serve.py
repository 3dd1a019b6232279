"""`serve`: everything on this machine, until a signal; PostgreSQL is the last to stop."""

import logging
from argparse import ArgumentParser, Namespace
from typing import Any

from server.commands.preparation import (
    paired_storage,
    prepare,
    prepare_schema,
    require_ports,
    run,
)
from server.commands.tokens import require_shared_secret, token_mint
from server.config.settings import Config
from server.credentials.edges import media_addresses
from server.credentials.identity import check_key_file
from server.credentials.record_stores import record_store
from server.postgres.keeper import keep_running
from server.processes import (
    STOP_TIMEOUT_S,
    Children,
    OwnedDatabase,
    media_workers,
    owned_database,
)
from server.stop_signals import StopRequested, StopSignals, raising_on_stop, stop_signals
from server.web.processes import web_side
from server.web.tls import own_client_context, server_context
from storage.errors import StorageError, StorageReadOnly
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox
from storage.sandbox.parent import protect_parent
from storage.upkeep.inventory import remove_unfinished

logger = logging.getLogger(__name__)

NOT_SEEN = (
    "nginx sends the bytes of videos: they are missing in bytes_served, in the metrics and in the"
    " evidence of receipts; STREAMS_PER_USER is nginx's to keep; a withdrawal ends no response"
    " that is under way"
)


def add_serve(names: Any, program: ArgumentParser) -> None:
    """Add the command to the subparsers of the program, which does it without a command, too."""
    parser = names.add_parser("serve", help="serve on this machine (the default)")
    parser.add_argument("--demo", action="store_true", help="make a course to look at")
    for each in (program, parser):
        each.set_defaults(run=serve, demo=False, fault_code=1)


def serve(config: Config, arguments: Namespace) -> int:
    """Blocks until a signal. Exit code 0."""
    if arguments.demo:
        require_shared_secret(config, "serve --demo")
    protect_parent()
    require_ports(config)
    config = prepare(config)
    if config.accel_redirect is not None:
        logger.warning("ACCEL_REDIRECT: %s", NOT_SEEN)
    server_context(config)  # reports its faults before anything is started
    check_key_file(config)
    media_addresses(config)  # likewise
    record_store(config)  # likewise
    try:
        with raising_on_stop(), owned_database(config) as database:
            prepare_schema(config, database.dsn)
            with paired_storage(config, database.dsn) as storage:
                _clear_leftovers(storage)
                run(config, _serve(config, database, arguments.demo))
    except StopRequested:
        logger.info("stopped")
    return 0


def _clear_leftovers(storage: StoragePaths) -> None:
    """Removes uploads and media work that a crash cut short, but nothing that others work on."""
    try:
        remove_unfinished(storage)
    except StorageReadOnly as exc:  # stored videos can be watched all the same
        logger.warning("leftovers of uploads stay: %s", exc)


async def _serve(config: Config, database: OwnedDatabase, has_demo: bool) -> None:
    with stop_signals() as signals:
        await _log_confinement()
        async with keep_running(database.embedded), media_workers(config) as children:
            async with web_side(config, database.dsn, signals) as base_url:
                _print(f"coursestream listens on {base_url}")
                if has_demo:
                    await signals.until_requested(_make_demo(config, base_url))
                await signals.requested.wait()
            await _stop(children, signals)


async def _log_confinement() -> None:
    """A sandbox that this system confines less is no reason not to serve."""
    try:
        logger.info("%s", await Sandbox(1).confinement())
    except StorageError as exc:
        logger.warning("the sandbox could not be tried: %s", exc)


async def _stop(children: Children, signals: StopSignals) -> None:
    await signals.unless_hurried(children.stop(STOP_TIMEOUT_S))


async def _make_demo(config: Config, base_url: str) -> None:
    # It loads PyAV and Pillow, which serving does without: 10 MB and a tenth of each start.
    from server.commands import demo

    mint = token_mint(config)
    _print("making the demonstration course, some ten seconds the first time")
    try:
        await demo.seed(base_url, mint, own_client_context(config))
    except demo.NotADemo:
        _print(
            "the demonstration course was not made: this database holds other courses. Without"
            " --demo nothing else is different; for a demonstration set COURSESTREAM_DATA_DIR to a"
            " new directory"
        )
        return
    except Exception:  # the server itself is well, and continues
        logger.exception("the demonstration course could not be made")
        return
    lines = [f"{address.who}: {address.url}" for address in demo.addresses(base_url, mint)]
    _print("\n".join(["", "Open one of these; Ctrl-C stops everything.", "", *lines, ""]))


def _print(line: str) -> None:
    print(line, flush=True)
