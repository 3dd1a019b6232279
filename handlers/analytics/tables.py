"""Tables as CSV (RFC 4180), streamed page by page; no spreadsheet takes a cell for a formula."""

import csv
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import hdrs, web

from handlers.delivery.negotiation import choose
from handlers.header_values import field_value
from handlers.messages import answer_json
from handlers.openapi.descriptions import CSV, JSON
from handlers.streamed_bodies import send_pieces

# Excel and LibreOffice, and the wide forms that input methods of East Asia write.
FORMULA_STARTS = "=+\\-@\t\r\n＝＋－＠"
# Where the list separator is `;` (German, French, ...), or a tab, it divides a cell of ours.
FORMULA = re.compile(f"(^|[;\t])(?=[{FORMULA_STARTS}])")


def wants_csv(request: web.Request) -> bool:
    """True where `Accept` prefers CSV; like the rest of the API, JSON is for all others."""
    return choose(field_value(request.headers, hdrs.ACCEPT), (JSON, CSV)) == 1


def answer_figures(content: msgspec.Struct) -> web.Response:
    """Returns as JSON what `Accept` may have as a table."""
    return answer_json(content, headers={hdrs.VARY: hdrs.ACCEPT})


async def answer_csv(
    request: web.Request,
    kind: type[msgspec.Struct],
    pages: AsyncIterator[Iterable[msgspec.Struct]],
    name: str,
) -> web.StreamResponse:
    """Streams pages of rows below the field names of their type."""
    answer = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: f"{CSV}; charset=utf-8",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}.csv"',
            hdrs.CACHE_CONTROL: "private, no-cache",
            hdrs.VARY: hdrs.ACCEPT,
        }
    )
    return await send_pieces(request, answer, _pieces(kind.__struct_fields__, pages))


async def single_page(rows: Iterable[msgspec.Struct]) -> AsyncIterator[Iterable[msgspec.Struct]]:
    yield rows


def cell(value: Any) -> str:
    """Returns a value as a cell: `'` stands before what a spreadsheet would compute."""
    if value is None:
        return ""
    if isinstance(value, str):
        return FORMULA.sub(r"\1'", value)
    return str(msgspec.to_builtins(value))


async def _pieces(
    columns: Sequence[str], pages: AsyncIterator[Iterable[msgspec.Struct]]
) -> AsyncGenerator[bytes, None]:
    """The names come with the first page: where that fails, the answer has not begun."""
    head = _lines([columns])
    async for page in pages:
        yield head + _lines([getattr(row, name) for name in columns] for row in page)
        head = b""
    if head:
        yield head


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows([cell(value) for value in row] for row in rows)
    return written.getvalue().encode()
