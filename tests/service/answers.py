"""Fields that two answers to the same request have in common."""

import re
from typing import Any

from tests.harness.wire import WireAnswer

PROBLEM = "application/problem+json"
REQUEST_ID = re.compile(rb'"instance":"[0-9a-f]{32}"')
BOUNDARY = re.compile("boundary=(.*)$")
MAX_AGE = re.compile("max-age=[0-9]+")
ALWAYS_NEW = ("Date", "X-Request-ID")


def comparable(answer: WireAnswer) -> tuple[Any, ...]:
    """All of it but what is new each time: times, ids, the boundary between parts."""
    fields = []
    body = answer.body
    for name, value in answer.headers.items():
        if found := BOUNDARY.search(value):
            body = body.replace(found[1].encode(), b"")
        if name not in ALWAYS_NEW:
            fields.append((name, MAX_AGE.sub("max-age", BOUNDARY.sub("", value))))
    if answer.headers.get("Content-Type") == PROBLEM:
        body = REQUEST_ID.sub(b"", body)
    new = tuple(name in answer.headers for name in ALWAYS_NEW)
    return answer.version, answer.status, sorted(fields), new, body


def is_last(answer: WireAnswer) -> bool:
    """True if the connection ends with it."""
    connection = answer.headers.get("Connection", "")
    return connection == "close" or (answer.version == "HTTP/1.0" and connection != "keep-alive")
