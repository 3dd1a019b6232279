"""Every form of range, asked of two servers whose answers must be equal."""

from typing import Any

from tests.harness.wire import WireAnswer, connected
from tests.service.range_rows import IGNORED, ONE_RANGE, SEVERAL_RANGES, UNSATISFIABLE, filled

SLICE = 2**20  # of deploy/edge.conf
BOUNDARIES = [
    *(f"bytes={SLICE - 1}-{SLICE}", f"bytes={SLICE}-{SLICE}", f"bytes={SLICE - 1}-{SLICE - 1}"),
    *(f"bytes=0-{3 * SLICE - 1}", f"bytes={2 * SLICE}-", f"bytes=-{SLICE + 1}", "bytes=7-"),
    f"bytes={SLICE + 1}-{4 * SLICE + 1}",
]
COMPARED = ("Content-Range", "Content-Length", "Content-Type", "ETag", "Last-Modified")


def range_fields(size: int, otherwise: tuple[str, ...] = ()) -> list[list[str]]:
    """Every row of the table, but for the named ones, and what crosses the edge's slices."""
    rows = [str(row.values[0]) for row in (*ONE_RANGE, *SEVERAL_RANGES, *UNSATISFIABLE)]
    fields = [[f"Range: {one}"] for one in (*BOUNDARIES, *rows)]
    ignored: list[Any] = [row.values[0] for row in IGNORED if row.id not in otherwise]
    fields += ignored
    return [[filled(line, size) for line in lines] for lines in fields]


def same(answer: WireAnswer) -> tuple[object, ...]:
    """Fields that must be equal; the boundary between parts is by chance."""
    boundary = answer.headers.get("Content-Type", "").partition("boundary=")[2]
    body = answer.body.replace(boundary.encode(), b"") if boundary else answer.body
    shown = [answer.headers.get(name, "").replace(boundary or "\0", "") for name in COMPARED]
    return (answer.status, body, *shown) if answer.status < 400 else (answer.status, *shown[:1])


async def ask(url: str, path: str, *headers: str, method: str = "GET") -> WireAnswer:
    async with connected(url, buffer_bytes=2**20) as wire:
        return await wire.ask(f"{method} {path} HTTP/1.1", "Host: x", *headers)
