"""Keyset pagination of lists: `limit`, and an opaque `cursor` that encodes the last key."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from aiohttp import web

from events.privacy.seal import Seal
from handlers.errors import InvalidRequest
from handlers.messages import Listing

DEFAULT_LIMIT, MAX_LIMIT = 50, 200
MAX_CURSOR_LENGTH = 512
PLACE = "cursor"  # of sealed ones
BEGINNING = datetime.min.replace(tzinfo=UTC)
NO_UUID = UUID(int=0)  # before every other

Key = TypeVar("Key")
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page:
    """A requested page; one row more than `limit` is fetched to detect a next page.

    A `seal` keeps the keys in its cursors from those who receive them.
    """

    limit: int
    cursor: str | None
    seal: Seal | None = None

    def after(self, kind: type[Key], first: Key) -> Key:
        """Returns the cursor's key, or `first` without a cursor. Raises InvalidRequest."""
        if self.cursor is None:
            return first
        try:
            return _checked(msgspec.json.decode(self._opened(self.cursor), type=kind))
        except (msgspec.MsgspecError, binascii.Error, ValueError) as exc:
            raise InvalidRequest("The cursor is not one that this list gave.") from exc

    @property
    def fetch_limit(self) -> int:
        return self.limit + 1

    def answer(
        self, rows: Sequence[Item], show: Callable[[Item], Any], key: Callable[[Item], Any]
    ) -> Listing[Any]:
        """Builds the listing from up to `fetch_limit` rows."""
        shown = rows[: self.limit]
        more = len(rows) > self.limit
        cursor = self._closed(_encode(key(shown[-1]))) if more else None
        return Listing([show(row) for row in shown], cursor)

    def _closed(self, cursor: str) -> str:
        return cursor if self.seal is None else self.seal.seal(cursor, PLACE)

    def _opened(self, cursor: str) -> bytes:
        if self.seal is None:
            return _decode(cursor)
        return _decode(self.seal.unseal(cursor, PLACE) or "")


def page_of(request: web.Request, seal: Seal | None = None) -> Page:
    """Raises InvalidRequest for a limit outside 1 to 200."""
    text = request.query.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT):
        raise InvalidRequest(f"limit must be a whole number from 1 to {MAX_LIMIT}.")
    cursor = request.query.get("cursor")
    if cursor is not None and len(cursor) > MAX_CURSOR_LENGTH:
        raise InvalidRequest("The cursor is not one that this list gave.")
    return Page(int(text), cursor, seal)


def _encode(key: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def _checked(key: Key) -> Key:
    """Raises ValueError for an invalid key: a text with NUL, a time that is not UTC."""
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, str) and "\0" in part:
            raise ValueError("PostgreSQL has no NUL in a text")
        if isinstance(part, datetime) and part.utcoffset() != timedelta(0):
            raise ValueError("the edges of time do not fit into another zone")
    return key


def _decode(cursor: str) -> bytes:
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
