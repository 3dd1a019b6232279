"""The cookie of a session (RFC 6265bis): the bearer token where no script can read it.

Pure. With TLS its name begins with `__Host-`, so that no other host can set it, nor a page of this
host without TLS.
"""

import re
from http.cookies import SimpleCookie

SECURE_NAME = "__Host-coursestream"
PLAIN_NAME = "coursestream"
# Browsers drop a cookie whose name and value have more than 4,096 bytes.
MAX_TOKEN_LENGTH = 4096 - len(SECURE_NAME)
MAX_FIELD_LENGTH = 16 * 1024  # a browser's cookies of one host, as far as servers take them
LONGEST_LIFE_S = 400 * 86400  # browsers shorten what is longer
# The characters of a JWT; they need no quoting.
_TOKEN = re.compile(r"[A-Za-z0-9_.-]+")


def fits(token: str) -> bool:
    """True if browsers keep a cookie with this token."""
    return len(token) <= MAX_TOKEN_LENGTH and _TOKEN.fullmatch(token) is not None


def read(field: str, *, is_secure: bool) -> str | None:
    """Returns the token of the session in a `Cookie` field, unverified; None without one, and of a
    field that is too long.

    Not by aiohttp's `Request.cookies`, which takes 7 ms for the most that a client may send. Of
    several the last counts, whose path is the shortest (RFC 6265 section 5.4): ours is `/`.
    """
    if len(field) > MAX_FIELD_LENGTH:
        return None
    before = f"{_name(is_secure)}="
    pairs = (pair.strip(" \t") for pair in reversed(field.split(";")))
    return next((pair[len(before) :] or None for pair in pairs if pair.startswith(before)), None)


def begun(token: str, life_s: float, *, is_secure: bool) -> str:
    """Returns the `Set-Cookie` field of a session that lives so long."""
    return _field(token, min(max(1, int(life_s)), LONGEST_LIFE_S), is_secure)


def ended(*, is_secure: bool) -> str:
    """Returns the `Set-Cookie` field by which a browser forgets the session."""
    return _field("", 0, is_secure)


def _name(is_secure: bool) -> str:
    return SECURE_NAME if is_secure else PLAIN_NAME


def _field(value: str, max_age_s: int, is_secure: bool) -> str:
    cookies: SimpleCookie = SimpleCookie()
    cookies[_name(is_secure)] = value
    morsel = cookies[_name(is_secure)]
    morsel["max-age"] = str(max_age_s)
    morsel["path"] = "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Strict"
    morsel["secure"] = is_secure
    return morsel.OutputString()
