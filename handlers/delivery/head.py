"""The head of a response as text or as a template (RFC 9112 sections 4 and 5), and its Date.

The plan and the application decide the fields.
"""

import time
from collections.abc import Iterable, Mapping
from http import HTTPStatus

from events.http_dates import http_date

Fields = Iterable[tuple[str, str]]


def render(version: str, status: int, fields: Fields) -> bytes:
    """The bytes of a head. Raises: ValueError for a field that would break out of its line."""
    return _text(version, status, fields).encode()


def template(version: str, status: int, fields: Fields, holes: Mapping[str, str]) -> str:
    """A text for `%` and a mapping. `holes` maps names of fields to what stands for their value,
    such as `"%(date)s"`."""
    escaped = (
        (name, holes[name] if name in holes else value.replace("%", "%%")) for name, value in fields
    )
    return _text(version, status, escaped)


def _text(version: str, status: int, fields: Fields) -> str:
    lines = [f"HTTP/{version} {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields]
    text = "\r\n".join(lines)
    if not text.count("\r") == text.count("\n") == len(lines) - 1 or "\0" in text:
        raise ValueError("a header field holds a line break")
    return f"{text}\r\n\r\n"


class DateText:
    """The current time as an HTTP-date, written once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def text(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._text = now, http_date(now)
        return self._text
