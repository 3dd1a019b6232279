"""Tables as CSV (RFC 4180), streamed page by page; no spreadsheet takes a cell for a formula."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import msgspec
from aiohttp import hdrs, web

from handlers.delivery.conditional import field_value
from handlers.delivery.negotiation import choose
from handlers.openapi.descriptions import CSV, JSON

# Excel and LibreOffice, and the wide forms that input methods of East Asia write.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
WRITE_TIMEOUT_S = 30.0


def wants_csv(request: web.Request) -> bool:
    """True where `Accept` prefers CSV; like the rest of the API, JSON is for all others."""
    return choose(field_value(request.headers, hdrs.ACCEPT), (JSON, CSV)) == 1


async def answer_csv(
    request: web.Request,
    kind: type[msgspec.Struct],
    pages: AsyncIterator[Iterable[msgspec.Struct]],
    name: str,
) -> web.StreamResponse:
    """Streams pages of rows below the field names of their type."""
    columns = kind.__struct_fields__
    answer = web.StreamResponse(
        headers={
            hdrs.CONTENT_TYPE: f"{CSV}; charset=utf-8",
            hdrs.CONTENT_DISPOSITION: f'attachment; filename="{name}.csv"',
            hdrs.CACHE_CONTROL: "private, no-cache",
            hdrs.VARY: hdrs.ACCEPT,
        }
    )
    await answer.prepare(request)
    await answer.write(_lines([columns]))
    async for page in pages:
        await answer.write(_lines([getattr(row, name) for name in columns] for row in page))
    await answer.write_eof()
    return answer


async def single_page(rows: Iterable[msgspec.Struct]) -> AsyncIterator[Iterable[msgspec.Struct]]:
    yield rows


def cell(value: Any) -> str:
    """Returns a value as a cell: a text that a spreadsheet would compute begins with `'`."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else str(msgspec.to_builtins(value))
    is_formula = isinstance(value, str) and text.startswith(FORMULA_STARTS)
    return f"'{text}" if is_formula else text


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerows([cell(value) for value in row] for row in rows)
    return written.getvalue().encode()
