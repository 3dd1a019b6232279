"""`doctor`: asks a running installation through its proxies for what players will ask.

It needs no database and no storage. Exit code 0: players get what they need; 1: they do not.
"""

import asyncio
import sys
from argparse import ArgumentTypeError, Namespace
from typing import Any
from urllib.parse import urlsplit

from server.commands.tokens import require_shared_secret, token_mint
from server.config.settings import Config
from server.credentials.secrets import with_secrets
from server.doctor.examination import ExaminationOrder, examine
from server.doctor.installation import QUICK, Waits
from server.doctor.report import written

USER, TTL_S = "doctor", 1800


def add_doctor(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = names.add_parser(
        "doctor",
        help="ask an installation through its proxies for what players will ask",
        description="Asks for ranges, events, uploads and errors as players and browsers do, and"
        " says what a proxy breaks and which line of it to change. Takes about a minute. Nothing is"
        " kept: uploads are terminated.",
    )
    parser.add_argument("url", type=parse_url, metavar="URL", help="where browsers go")
    parser.add_argument(
        "--token",
        metavar="T",
        help="a bearer token, - to read it from the standard input; without"
        " it one is made of this machine's configuration, as `token` does",
    )
    video = parser.add_mutually_exclusive_group()
    video.add_argument("--video", metavar="ID", help="the video to ask for, else any that is ready")
    video.add_argument(
        "--with-upload", action="store_true", help="upload a video of two seconds, remove it again"
    )
    parser.add_argument("--quick", action="store_true", help="leave out what takes long")
    parser.add_argument("--insecure", action="store_true", help="go on with a wrong certificate")
    parser.set_defaults(run=doctor, fault_code=1)


def doctor(config: Config, arguments: Namespace) -> int:
    """Prints what was found. Raises: NoSharedSecretError, SecretFileError."""
    order = ExaminationOrder(
        arguments.url,
        _token(config, arguments.token),
        QUICK if arguments.quick else Waits(heartbeat_s=config.sse_heartbeat_s),
        arguments.video,
        arguments.with_upload,
        arguments.insecure,
    )
    examination = asyncio.run(examine(order))
    print(written(examination))
    return 0 if examination.is_healthy else 1


def parse_url(text: str) -> str:
    """Scheme, host and port. Raises: ArgumentTypeError."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ArgumentTypeError(f"found {text!r}, allowed is http://HOST[:PORT] or https://...")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ArgumentTypeError("the service is at the root of its host: a URL without a path")
    return text.rstrip("/")


def _token(config: Config, given: str | None) -> str:
    if given is not None:
        return sys.stdin.readline().strip() if given == "-" else given
    require_shared_secret(config, "doctor")
    return token_mint(with_secrets(config))(USER, roles=("service",), ttl_s=TTL_S)
