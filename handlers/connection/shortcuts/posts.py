"""Whole POSTs, split so that a repeat is recognized by its bytes, whatever its body.

Pure. No HTTP is parsed here: callers compare the head with that of a request which the parser
accepted, without the digits of Content-Length; here as many bytes of a body follow it.
"""

import re
from typing import NamedTuple

from handlers.connection.shortcuts.known_requests import MOST_HEAD_BYTES

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([0-9]{1,7})\r\n")


class Post(NamedTuple):
    """`head` is everything before the body without the digits of Content-Length."""

    head: bytes
    body: bytes

    @staticmethod
    def of(data: bytes) -> "Post | None":
        """None unless these bytes look like one whole POST and nothing else."""
        if not data.startswith(b"POST "):
            return None
        body_at = data.find(_END_OF_HEAD, 0, MOST_HEAD_BYTES) + len(_END_OF_HEAD)
        found = _LENGTH.search(data, 0, body_at)
        if found is None or int(found[1]) != len(data) - body_at:
            return None
        # No head holds a NUL: it marks the place, so that no two become one.
        head = data[: found.start(1)] + b"\0" + data[found.end(1) : body_at]
        return Post(head, data[body_at:])
