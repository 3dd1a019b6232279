"""`worker`: media work alone, beside a `serve` or on a machine of its own."""

from argparse import Namespace
from typing import Any

from server.commands.preparation import current_database, paired_storage, prepare, run
from server.config.settings import Config
from server.processes import die_with_parent
from server.stop_signals import stop_signals
from server.worker import STOP_PATIENCE_S
from server.worker import run as run_worker
from storage.sandbox.parent import protect_parent


def add_worker(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = names.add_parser("worker", help="only process videos")
    parser.add_argument("--child-of", type=int, metavar="PID", help="end when that parent ends")
    parser.set_defaults(run=worker, fault_code=1)


def worker(config: Config, arguments: Namespace) -> int:
    """Blocks until a signal. Exit code 0."""
    if arguments.child_of is not None:
        die_with_parent(arguments.child_of)
    protect_parent()
    config = prepare(config)
    dsn = current_database(config)
    with paired_storage(config, dsn):
        run(config, _work(config, dsn))
    return 0


async def _work(config: Config, dsn: str) -> None:
    with stop_signals() as signals:
        await signals.until_requested(run_worker(config, dsn), STOP_PATIENCE_S)
