"""Requests whose fields are as long and as bad as may be: none costs the loop more than a plain
one, and none is answered 500.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.attacks.parsing.answers import status_of
from tests.attacks.parsing.costs import MOST_S
from tests.handlers.conftest import Service
from tests.harness.wire import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

VALUE_LENGTH = 8000  # the longest that the parser lets through, nearly
ATTEMPTS = 4  # the cheapest counts: caches, collections of garbage, other tasks
FIELDS = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Type",
    "Cookie",
    "Expect",
    "Forwarded",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Last-Event-ID",
    "Origin",
    "Range",
    "Upload-Checksum",
    "Upload-Length",
    "Upload-Metadata",
    "Upload-Offset",
    "X-Forwarded-For",
    "X-Unknown",
)
# How a value begins that is taken for what it seems to be.
BEGINNINGS = {
    "Authorization": "Bearer ",
    "Content-Type": "application/json",
    "Content-Disposition": 'form-data; name="',
    "If-Modified-Since": "Mon, 01 Jan 2024 00:00:00 ",
    "If-Unmodified-Since": "Mon, 01 Jan 2024 00:00:00 ",
    "Range": "bytes=",
    "Upload-Checksum": "sha1 ",
    "Upload-Metadata": "filename ",
}
UNITS = (";", "(", '"', "\\", ",", "0-1,", "=", " a", ';a="\\"', "9")


class Target:
    """A request that is answered well without further fields."""

    def __init__(self, line: str, fields: list[str], body: bytes = b"") -> None:
        self._line, self._fields, self._body = line, fields, body

    async def cost_s(self, wire_to: str, name: str, value: str) -> tuple[int, float]:
        """The status, and what both sides took of this thread."""
        kept = [field for field in self._fields if not field.startswith(f"{name}:")]
        async with connected(wire_to) as wire:
            began_s = time.thread_time()
            lines = [self._line, "Host: x", *kept, f"Content-Length: {len(self._body)}"]
            await wire.send(*lines, f"{name}: {value}", body=self._body)
            while (status := await status_of(wire)) == 100:
                pass
            return status, time.thread_time() - began_s


@pytest.fixture(autouse=True)
def unblocked_loop() -> None:
    """Looking for what blocks takes longer than what is measured."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def targets(shared_service: Service, video: Any) -> AsyncIterator[dict[str, Target]]:
    asked = await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback", {})
    student = [f"Authorization: {shared_service.student.headers['Authorization']}"]
    teacher = [f"Authorization: {shared_service.teacher.headers['Authorization']}"]
    json = ["Content-Type: application/json"]
    tus = ["Tus-Resumable: 1.0.0", "Upload-Length: 9", "Upload-Metadata: module_id bTE="]
    form = ["Content-Type: multipart/form-data; boundary=a"]
    yield {
        "range": Target(f"GET {asked.json['stream_url']} HTTP/1.1", []),
        "events": Target(f"GET {asked.json['events_url']} HTTP/1.1", []),
        "JSON": Target("POST /api/v1/events/grant HTTP/1.1", [*student, *json], b"{}"),
        "tus": Target("POST /api/v1/uploads HTTP/1.1", [*teacher, *tus]),
        "form": Target("POST /api/v1/modules/m1/videos HTTP/1.1", [*teacher, *form], b"--a--"),
        "page": Target("GET / HTTP/1.1", []),
    }


@pytest.mark.parametrize("kind", ["range", "events", "JSON", "tus", "form", "page"])
async def test_no_field_keeps_the_loop_busy(
    shared_service: Service, targets: dict[str, Target], kind: str
) -> None:
    target, url = targets[kind], shared_service.url
    plain_s = max([(await target.cost_s(url, "X-Plain", "a"))[1] for _ in range(ATTEMPTS)][1:])
    for name in FIELDS:
        for unit in UNITS:
            value = (BEGINNINGS.get(name, "") + unit * VALUE_LENGTH)[:VALUE_LENGTH].strip()
            async with asyncio.timeout(60):
                for _ in range(ATTEMPTS):
                    status, cost_s = await target.cost_s(url, name, value)
                    if cost_s - plain_s < MOST_S:
                        break
                else:
                    pytest.fail(f"{name}: {unit}... took {cost_s * 1000:.0f} ms of {plain_s}")
            assert status < 500, f"{name}: {unit}..."
