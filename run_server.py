"""argv -> Config -> the command."""

import argparse
import os
import sys
from pathlib import Path

from server.commands.adopt_storage import add_adopt_storage
from server.commands.check import add_check
from server.commands.doctor import add_doctor
from server.commands.import_s3 import add_import_s3
from server.commands.migrate import add_migrate
from server.commands.serve import add_serve
from server.commands.tokens import add_token
from server.commands.web import add_web
from server.commands.worker import add_worker
from server.config.settings import ConfigError, load_config
from server.errors import FAULTS, sentence

ENV_FILE = Path(__file__).resolve().with_name(".env")


def build_parser() -> argparse.ArgumentParser:
    """Each command adds its options, `run` and `fault_code`, its exit code for one of FAULTS."""
    parser = argparse.ArgumentParser(
        description="A course-video service. Settings are COURSESTREAM_* variables: see"
        " docs/configuration.md."
    )
    names = parser.add_subparsers(dest="command", metavar="command")
    add_serve(names, parser)
    for add_command in (
        add_worker,
        add_web,
        add_migrate,
        add_token,
        add_doctor,
        add_import_s3,
        add_check,
        add_adopt_storage,
    ):
        add_command(names)
    return parser


def main(argv: list[str]) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        code: int = arguments.run(load_config(os.environ, ENV_FILE), arguments)
    except FAULTS as exc:
        print(f"coursestream: {sentence(exc)}", file=sys.stderr)
        return 2 if isinstance(exc, ConfigError) else int(arguments.fault_code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
