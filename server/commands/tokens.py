"""Bearer tokens for people at the command line and for the demo, and the command `token`.

Tokens of real users come from elsewhere.
"""

import re
import time
from argparse import ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jwt

from handlers.messages import IDENTIFIER, IN_WORDS
from server.config.settings import Config
from server.config.values import duration
from server.credentials.secrets import with_secrets
from server.errors import OperatorError

TokenMint = Callable[..., str]  # (user_id, *, roles, name, ttl_s) -> token

DESCRIPTION = """\
Prints a bearer token (JWT, HS256) that this service accepts, for trying things out.
In production the course site signs the tokens of its users: docs/integrate.md.
"""
EPILOG = """\
roles:
  none      an ordinary user. What such a user may do follows from the enrolment in each
            course: a student watches, an instructor uploads, edits and sees who watches
  admin     may do everything, in every course, without an enrolment
  service   for programs: as admin, and without limits per user

claims:
  sub       the user id of the course site: letters, digits, `_`, `.`, `-`   (--user)
  exp       when the token ends                                              (--ttl)
  roles     a list; only `admin` and `service` mean something                (--role)
  name      what pages call the user; no right depends on it                 (--name)
  aud, iss  added where JWT_AUDIENCE and JWT_ISSUER are set

examples:
  open the pages as a user, who has to be enrolled to see a course:
    run_server.py token --user maria --name 'Maria Sanchez' --ttl 8h
    then open http://127.0.0.1:8080/#token=TOKEN
  make a course, and enrol maria:
    AUTH="Authorization: Bearer $(run_server.py token --user root --role admin)"
    JSON='Content-Type: application/json'; API=http://127.0.0.1:8080/api/v1
    curl -X PUT -H "$AUTH" -H "$JSON" -d '{"title": "Physics"}' $API/courses/physics
    curl -X PUT -H "$AUTH" -H "$JSON" -d '{"role": "student"}' \\
         $API/courses/physics/enrollments/maria
"""


class NoSharedSecretError(OperatorError):
    """Tokens can be made only where they are checked with a shared secret."""


class InvalidUserError(OperatorError):
    """No token for this user would be accepted."""


def add_token(names: Any) -> None:
    """Add the command to the subparsers of the program."""
    parser = names.add_parser(
        "token",
        help="print a bearer token",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--user", required=True, metavar="U", help="claim `sub`: the user's id")
    parser.add_argument(
        "--role", choices=("admin", "service"), help="claim `roles`; without it an ordinary user"
    )
    parser.add_argument(
        "--ttl",
        type=_parse_ttl,
        default="1h",
        metavar="1h",
        help="claim `exp`, from now on: 90s, 15m, 24h, 7d (1h)",
    )
    parser.add_argument("--name", metavar="N", help="claim `name`: what pages call the user")
    parser.set_defaults(run=token, fault_code=1)


def token(config: Config, arguments: Namespace) -> int:
    """Prints a bearer token for that user. Raises: NoSharedSecretError, InvalidUserError."""
    require_shared_secret(config, "token")
    user_id, role = arguments.user, arguments.role
    if not re.fullmatch(IDENTIFIER, user_id):
        raise InvalidUserError(f"{user_id!r} is no user id: a text {IN_WORDS[IDENTIFIER]}")
    mint = token_mint(with_secrets(config))
    roles = (role,) if role else ()
    print(mint(user_id, roles=roles, name=arguments.name, ttl_s=arguments.ttl))
    return 0


def require_shared_secret(config: Config, command: str) -> None:
    """Raises: NoSharedSecretError."""
    if not config.has_shared_secret:
        raise NoSharedSecretError(
            f"{command} makes tokens, which needs a shared secret (COURSESTREAM_JWT_SECRET); with"
            " COURSESTREAM_JWT_PUBLIC_KEY_FILE or COURSESTREAM_JWT_JWKS_URL their issuer makes them"
        )


def token_mint(config: Config) -> TokenMint:
    """Makes tokens that a server with this configuration accepts."""
    return partial(
        mint_token,
        config.jwt_secret.reveal(),
        audience=config.jwt_audience,
        issuer=config.jwt_issuer,
    )


def mint_token(
    secret: str,
    user_id: str,
    *,
    roles: Sequence[str] = (),
    name: str | None = None,
    ttl_s: float = 3600.0,
    audience: str | None = None,
    issuer: str | None = None,
) -> str:
    """Mint an HS256 token with the claims that the service requires."""
    claims: dict[str, Any] = {"sub": user_id, "exp": int(time.time() + ttl_s)}
    optional = {"roles": list(roles), "name": name, "aud": audience, "iss": issuer}
    claims.update({name: value for name, value in optional.items() if value})
    return jwt.encode(claims, secret, algorithm="HS256")


def _parse_ttl(text: str) -> int:
    """Parse seconds. Raises: ArgumentTypeError, naming the allowed range."""
    rule = duration()
    try:
        seconds: int = rule.parse(text)
    except ValueError:
        raise ArgumentTypeError(f"found {text!r}, allowed is {rule.allowed}") from None
    return seconds
