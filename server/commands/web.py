"""`web`: the web processes that `serve` starts when WORKERS is more than one."""

import signal
from argparse import Namespace
from typing import Any, NoReturn

from server.commands.preparation import prepare
from server.config.settings import Config
from server.processes import attached_database, die_with_parent
from server.web.gunicorn_workers import run_workers
from storage.sandbox.parent import protect_parent


def add_web(names: Any) -> None:
    """Add the command to the subparsers of the program, without help: it is no operator's."""
    parser = names.add_parser("web")
    parser.add_argument("numbers", type=int, nargs="+", metavar="PARENT READY LISTENER...")
    parser.set_defaults(run=web, fault_code=1)


def web(config: Config, arguments: Namespace) -> NoReturn:
    """Serves on listeners that the parent hands down."""
    parent_pid, ready, *listeners = arguments.numbers
    die_with_parent(parent_pid, signal.SIGKILL)  # as one web process ends that is killed
    protect_parent()
    config = prepare(config)
    run_workers(config, attached_database(config), tuple(listeners), ready)
