"""Files that are made to do harm, sent by a teacher: each is refused, and the server goes on."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import av
import pytest
import pytest_asyncio

from handlers import keys
from tests.films.hostile_files import mp4_of_duration, mp4_of_tracks, scripts, webm
from tests.handlers.uploads.uploading import is_nothing_left

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "the key under the mat: 3c9d1e"
REFUSED = {"415 unsupported-format", "422 undecodable", "422 no-video", "422 too-complex"}

Send = Callable[[bytes], Awaitable[str]]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small film, its index last, with nothing but pictures."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            out.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        out.mux(stream.encode(None))
    return path.read_bytes()


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("elsewhere") / "secret"
    path.write_text(SECRET)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def send(shared_service: Any) -> Send:
    """The answer to an upload that must be refused, leaving nothing behind."""

    async def sending(content: bytes) -> str:
        form = aiohttp.FormData()
        form.add_field("file", io.BytesIO(content), filename="lecture.mp4")
        answer = await shared_service.ask("tess", "POST", "modules/m1/videos", data=form)
        assert SECRET.encode() not in answer.body
        assert answer.status != 201, answer.json
        assert await is_nothing_left(shared_service)
        return str(answer.said)

    return sending


@pytest.mark.parametrize("name", scripts(""))
async def test_script_in_disguise_tells_nothing(send: Send, secret: Path, name: str) -> None:
    assert await send(scripts(str(secret))[name]) in REFUSED


@pytest.mark.parametrize("count", [17, 10_000])
async def test_thousands_of_streams_are_too_complex(send: Send, film: bytes, count: int) -> None:
    assert await send(mp4_of_tracks(film, count)) == "422 too-complex"
    assert await send(webm(tracks=count)) == "422 too-complex"


@pytest.mark.parametrize("side", [65_535, 100_000, 2**31 - 1])
async def test_gigantic_pictures_are_refused(send: Send, side: int) -> None:
    assert await send(webm(width=side, height=side)) in {"422 too-complex", "422 undecodable"}


async def test_endless_film_is_too_complex(send: Send, film: bytes) -> None:
    assert await send(mp4_of_duration(film, 2**31 - 1)) == "422 too-complex"


@pytest.mark.parametrize("film", ["mp4", "webm"])
async def test_cut_film_is_refused(send: Send, film: str, request: pytest.FixtureRequest) -> None:
    """At every sixteenth of the kilobytes at which `tests/storage/films/test_cut_films.py` cuts."""
    path: Path = request.getfixturevalue(film)
    content = await asyncio.to_thread(path.read_bytes)

    said = {await send(content[:at]) for at in range(1024, len(content) - 1, 16 * 1024)}
    assert said == {"422 undecodable"}


async def test_server_has_noticed_nothing(shared_service: Any, mp4: Path) -> None:
    video = await shared_service.ready_video(mp4)

    assert UUID(video["id"])
    sandbox = shared_service.app[keys.SANDBOX]
    assert not sandbox._pool._slots.locked()
