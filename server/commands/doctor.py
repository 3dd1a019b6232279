"""`doctor`: asks a running installation through its proxies for what players will ask.

It needs no database and no storage. Exit code 0: players get what they need; 1: they do not.
"""

import asyncio
import re
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
from server.errors import OperatorError

USER, TTL_S = "doctor", 1800
NAME = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750 section 2.1


class TokenFormatError(OperatorError):
    """`--token` is empty, or has characters that no bearer token has."""


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
    wrong = ArgumentTypeError(f"found {text!r}, allowed is http://HOST[:PORT] or https://...")
    try:
        parts = urlsplit(text)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError:  # brackets that do not close, a port past 65535, no name of a host
        raise wrong from None
    is_named = NAME.fullmatch(host) is not None and port != 0
    if parts.scheme not in ("http", "https") or parts.username is not None or not is_named:
        raise wrong
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ArgumentTypeError("the service is at the root of its host: a URL without a path")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" if port is None else f"{parts.scheme}://{shown}:{port}"


def _token(config: Config, given: str | None) -> str:
    if given is not None:
        token = sys.stdin.readline().strip() if given == "-" else given.strip()
        if TOKEN.fullmatch(token) is None:
            raise TokenFormatError("the token is empty, or has what no bearer token has")
        return token
    require_shared_secret(config, "doctor")
    return token_mint(with_secrets(config))(USER, roles=("service",), ttl_s=TTL_S)
