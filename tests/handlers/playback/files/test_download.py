"""A download is the stream with a name."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from handlers import keys

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILENAME = 'Maß & "Zahl"; 1.mov'
NAMED = (
    'attachment; filename="Ma_ & _Zahl_; 1.mp4"; '
    "filename*=UTF-8''Ma%C3%9F%20&%20%22Zahl%22%3B%201.mp4"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(shared_service: Any, mp4: Path) -> Any:
    video = await shared_service.ready_video(mp4)
    async with shared_service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute("UPDATE videos SET original_filename = %s", (FILENAME,))
    shared_service.app[keys.CATALOG].forget(UUID(video["id"]))
    return video


async def both(service: Any, video: Any, method: str, headers: dict[str, str]) -> list[Any]:
    """The stream's and the download's answer to the same request."""
    paths = [f"videos/{video['id']}/{suffix}" for suffix in ("stream", "download")]
    return [await service.ask("ada", method, path, headers=headers) for path in paths]


def stable(answer: Any) -> dict[str, str]:
    varying = ("Date", "X-Request-ID", "Content-Disposition", "Content-Type")
    return {name: value for name, value in answer.headers.items() if name not in varying}


@pytest.mark.parametrize(
    ("method", "headers", "status", "is_named"),
    [
        pytest.param("GET", {}, 200, True, id="whole"),
        pytest.param("HEAD", {}, 200, True, id="HEAD"),
        pytest.param("GET", {"Range": "bytes=5-9"}, 206, True, id="range"),
        pytest.param("GET", {"Range": "bytes=5-9", "If-Range": '"x"'}, 200, True, id="If-Range"),
        pytest.param("GET", {"If-None-Match": "*"}, 304, False, id="If-None-Match"),
        pytest.param("GET", {"If-Match": '"x"'}, 412, False, id="If-Match"),
        pytest.param("GET", {"Range": "bytes=-0"}, 416, False, id="no such range"),
        pytest.param("GET", {"Accept": "image/png"}, 406, False, id="not acceptable"),
    ],
)
async def test_answers_as_the_stream_does_but_for_the_name(
    shared_service: Any,
    video: Any,
    method: str,
    headers: dict[str, str],
    status: int,
    is_named: bool,
) -> None:
    stream, download = await both(shared_service, video, method, headers)

    assert (stream.status, download.status) == (status, status)
    assert stable(download) == stable(stream)
    assert download.headers.get("Content-Disposition") == (NAMED if is_named else None)
    assert "Content-Disposition" not in stream.headers
    if status < 400:
        assert download.body == stream.body


async def test_several_ranges_are_named_once(shared_service: Any, video: Any) -> None:
    headers = {"Range": "bytes=0-1,8-9"}

    answer = (await both(shared_service, video, "GET", headers))[1]

    assert answer.status == 206
    assert answer.headers["Content-Disposition"] == NAMED
    assert b"Content-Disposition" not in answer.body


async def test_format_that_there_is_not_is_406(shared_service: Any, video: Any) -> None:
    answer = await shared_service.ask("ada", "GET", f"videos/{video['id']}/download?format=webm")

    assert answer.said == "406 not-acceptable"


async def test_service_needs_no_enrolment(shared_service: Any, video: Any) -> None:
    answer = await shared_service.ask("svc", "HEAD", f"videos/{video['id']}/download")

    assert answer.headers["Content-Disposition"] == NAMED
