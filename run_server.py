"""argv -> Config -> the command."""

import argparse
import os
import sys
from pathlib import Path

from server.commands import commands
from server.commands.adopt_storage import add_adopt_storage
from server.commands.check import add_check, check_options
from server.config.settings import ConfigError, load_config
from server.takeover.options import add_import_s3, import_options

LOOKING = ("check", "import-s3", "adopt-storage")  # 1 is for what they found
ENV_FILE = Path(__file__).resolve().with_name(".env")


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="A course-video service. Settings are COURSESTREAM_* variables: see"
        " docs/configuration.md."
    )
    parser.set_defaults(command="serve", demo=False)
    names = parser.add_subparsers(dest="command", metavar="command")
    serve = names.add_parser("serve", help="serve on this machine (the default)")
    serve.add_argument("--demo", action="store_true", help="make a course to look at")
    worker = names.add_parser("worker", help="only process videos")
    worker.add_argument("--child-of", type=int, metavar="PID", help="end when that parent ends")
    web = names.add_parser("web")  # what `serve` starts when WORKERS is more than one
    web.add_argument("numbers", type=int, nargs="+", metavar="PARENT READY LISTENER...")
    names.add_parser("migrate", help="bring the database schema up to date")
    token = names.add_parser("token", help="print a bearer token")
    token.add_argument("--user", required=True, metavar="U")
    token.add_argument("--role", choices=("admin", "service"))
    token.add_argument("--ttl", type=commands.life, default="1h", metavar="1h")
    add_import_s3(names)
    add_check(names)
    add_adopt_storage(names)
    return parser


def main(argv: list[str]) -> int:
    arguments = build_parser().parse_args(argv)
    try:
        config = load_config(os.environ, ENV_FILE)
        match arguments.command:
            case "serve" | None:
                return commands.serve(config, has_demo=arguments.demo)
            case "worker":
                return commands.worker(config, parent_pid=arguments.child_of)
            case "web":
                commands.web_workers(config, *arguments.numbers)
            case "migrate":
                return commands.migrate(config)
            case "token":
                role, ttl_s = arguments.role, arguments.ttl
                return commands.token(config, user_id=arguments.user, role=role, ttl_s=ttl_s)
            case "check":
                return commands.check(config, check_options(arguments))
            case "adopt-storage":
                return commands.adopt_storage(config, is_confirmed=arguments.yes)
            case _:
                return commands.import_s3(config, import_options(arguments))
    except (ConfigError, *commands.FAULTS) as exc:
        print(f"coursestream: {exc}", file=sys.stderr)
        could_not_look = isinstance(exc, ConfigError) or arguments.command in LOOKING
        return 2 if could_not_look else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
