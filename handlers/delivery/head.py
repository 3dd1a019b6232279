"""Writes the head of an answer (RFC 9112 section 4 and 5), whole or with holes to be filled later.

Pure. It decides no field; what the fields say is the plan's and the application's affair.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

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
