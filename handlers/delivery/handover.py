"""Responses handed over to an nginx in front, which sends the bytes (X-Accel-Redirect).

Pure. Only what nginx answers exactly as the plan says is handed over: it decides by the client's
own header fields, and reads some forms of Range in another way. It gets validators and media type
from us, and makes Content-Range and Content-Length itself.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs
from multidict import MultiMapping

from handlers.delivery.ranges import Headers, TransferPlan

ACCEL_REDIRECT = "X-Accel-Redirect"
# nginx can count a user's responses by it, which run where this process does not see them.
ACCEL_VIEWER = "X-Accel-Viewer"
_PLAIN_RANGE = re.compile(r"bytes=(?:[0-9]{1,15}-[0-9]{0,15}|-[0-9]{1,15})")
_PRECONDITIONS = (
    hdrs.IF_MATCH,
    hdrs.IF_NONE_MATCH,
    hdrs.IF_MODIFIED_SINCE,
    hdrs.IF_UNMODIFIED_SINCE,
)
_MADE_BY_NGINX = frozenset({hdrs.CONTENT_LENGTH, hdrs.CONTENT_RANGE})


@dataclass(frozen=True, slots=True)
class Handover:
    """`prefix` is nginx's internal location of the directory `root`."""

    prefix: str
    root: Path

    def headers(self, plan: TransferPlan, path: Path, viewer: str) -> Headers:
        """Returns the fields of the response to nginx, for a plan that `is_alike`; `viewer` is
        the user whose streams are limited, or empty."""
        made = _MADE_BY_NGINX
        if plan.status == 200:
            made |= {hdrs.ACCEPT_RANGES}  # it adds its own to a 200, and none to a 206
        kept = tuple((name, value) for name, value in plan.headers if name not in made)
        # Identifiers are of letters, digits and ".-_" alone, and names by hash as well.
        where = f"{self.prefix}{path.relative_to(self.root).as_posix()}"
        counted = ((ACCEL_VIEWER, viewer),) if viewer else ()
        return (*kept, (ACCEL_REDIRECT, where), *counted)


def is_alike(method: str, headers: MultiMapping[str], plan: TransferPlan) -> bool:
    """True if nginx answers the request as planned, but for preconditions, which it gets none of.

    If-Range is decided alike: nginx compares it with the ETag and date that it is given.
    """
    if method != hdrs.METH_GET or any(name in headers for name in _PRECONDITIONS):
        return False
    lines = headers.getall(hdrs.RANGE, ())
    if plan.status == 200:
        return not lines
    return plan.status == 206 and len(lines) == 1 and bool(_PLAIN_RANGE.fullmatch(lines[0]))
