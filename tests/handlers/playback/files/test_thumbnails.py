"""A thumbnail that a teacher chooses, by time or as a picture."""

import asyncio
import io
import zlib
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from handlers import keys
from handlers.playback import thumbnails
from storage.samples import read_frame_number
from tests.handlers.support.playing import playback
from tests.harness.wire import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

FRAME_RATE = 25
SIZES = {"small": 160, "medium": 320, "large": 640}
GREEN = (20, 200, 20)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(shared_service: Any, mp4: Path) -> Any:
    return await shared_service.ready_video(mp4)


def picture(form: str = "PNG", size: tuple[int, int] = (300, 300)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, GREEN).save(content, form)
    return content.getvalue()


async def put(service: Any, video: Any, who: str | None = "tess", **options: Any) -> Any:
    return await service.ask(who, "PUT", f"videos/{video['id']}/thumbnail", **options)


async def put_picture(service: Any, video: Any, content: bytes, kind: str = "image/png") -> Any:
    headers = {"Content-Type": kind}
    return await put(service, video, data=io.BytesIO(content), headers=headers)


async def shown(service: Any, video: Any, size: str, kind: str = "jpeg") -> Image.Image:
    accept = {"Accept": f"image/{kind}"}
    answer = await service.ask("ada", "GET", video["thumbnails"][size], headers=accept)
    assert answer.headers["Content-Type"] == f"image/{kind}"
    return Image.open(io.BytesIO(answer.body)).convert("RGB")


@pytest.mark.parametrize("number", [0, 1, 13, 24, 47])
async def test_frame_at_a_second_becomes_the_thumbnail(
    shared_service: Any, video: Any, number: int
) -> None:
    answer = await put(shared_service, video, body={"at": (number + 0.5) / FRAME_RATE})

    assert answer.status == 200
    assert answer.json["thumbnails"] == video["thumbnails"]
    for kind in ("jpeg", "webp", "avif"):
        image = await shown(shared_service, video, "large", kind)
        assert image.width == 640
        assert read_frame_number(image) == number


async def test_picture_becomes_the_thumbnail_and_keeps_its_shape(
    shared_service: Any, video: Any
) -> None:
    for form, kind in (("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")):
        await put(shared_service, video, body={"at": 0})
        answer = await put_picture(shared_service, video, picture(form), kind)

        assert answer.status == 200, answer.body
        for size, width_px in SIZES.items():
            image = await shown(shared_service, video, size)
            assert image.size == (width_px, width_px)
            pixel: Any = image.getpixel((width_px // 2, width_px // 2))
            red, green, blue = pixel
            assert green > red + 100 < blue + 200


async def test_what_is_shown_has_a_new_name_and_what_was_is_gone(
    shared_service: Any, video: Any
) -> None:
    await put(shared_service, video, body={"at": 0})
    small = video["thumbnails"]["small"]
    before = await shared_service.ask("ada", "GET", small)
    old_url = (await playback(shared_service, video))["thumbnails"]["small"]
    directory = shared_service.app[keys.STORAGE].courses / "c1" / video["id"]
    count = await asyncio.to_thread(lambda: len(list(directory.iterdir())))

    await put(shared_service, video, body={"at": 1.9})

    etag = before.headers["ETag"]
    after = await shared_service.ask("ada", "GET", small, headers={"If-None-Match": etag})
    assert after.status == 200
    assert after.headers["ETag"] != etag
    new_url = (await playback(shared_service, video))["thumbnails"]["small"]
    assert new_url.rpartition("/")[2] != old_url.rpartition("/")[2]
    by_grant = await shared_service.ask(None, "GET", new_url)
    assert by_grant.headers["ETag"] == after.headers["ETag"]
    names = await asyncio.to_thread(lambda: {path.name for path in directory.iterdir()})
    assert old_url.rpartition("/")[2] not in names
    assert len(names) == count


async def test_it_is_published_once_and_the_same_again_is_not(
    shared_service: Any, video: Any
) -> None:
    database = shared_service.app[keys.DATABASE]

    async def updates() -> list[str]:
        rows = await database.fetch_all(
            "SELECT user_id FROM event_log WHERE type = 'video.updated' AND video_id = %s",
            (video["id"],),
        )
        return [row.user_id for row in rows]

    first = await put(shared_service, video, body={"at": 0.7})
    told = await updates()
    again = await put(shared_service, video, body={"at": 0.7})

    assert told[-1] == "tess"
    assert await updates() == told
    assert again.json == first.json


def bomb() -> bytes:
    """A PNG that says it has ten thousand million pixels."""
    content = bytearray(picture())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        pytest.param(b"", "image/png", "400 empty", id="nothing"),
        pytest.param(picture(), "image/gif", "415 unsupported-format", id="type"),
        pytest.param(picture(), "video/mp4", "415 unsupported-format", id="no picture's type"),
        pytest.param(b"GIF89a" + bytes(99), "image/png", "415 unsupported-format", id="content"),
        pytest.param(picture()[:200], "image/png", "422 undecodable", id="cut"),
        pytest.param(bomb(), "image/png", "422 too-complex", id="bomb"),
        pytest.param(bytes(20 * 2**20 + 1), "image/png", "413 too-large", id="too large"),
        pytest.param(b'{"at": -1}', "application/json", "400 invalid-request", id="before"),
        pytest.param(b'{"at": 2.5}', "application/json", "400 invalid-request", id="after"),
        pytest.param(b'{"at": NaN}', "application/json", "400 invalid-request", id="no number"),
        pytest.param(b'{"at": 1e999}', "application/json", "400 invalid-request", id="infinite"),
        pytest.param(b'{"at": "1"}', "application/json", "400 invalid-request", id="text"),
        pytest.param(b'{"at": 1, "x": 1}', "application/json", "400 invalid-request", id="more"),
        pytest.param(b"{}", "application/json", "400 invalid-request", id="no time"),
    ],
)
async def test_what_is_refused_changes_nothing(
    shared_service: Any, video: Any, content: bytes, kind: str, said: str
) -> None:
    before = await shared_service.ask("tess", "GET", f"videos/{video['id']}")

    assert (await put_picture(shared_service, video, content, kind)).said == said

    assert (await shared_service.ask("tess", "GET", f"videos/{video['id']}")).json == before.json
    unfinished = shared_service.app[keys.STORAGE].unfinished
    assert await asyncio.to_thread(lambda: list(unfinished.iterdir())) == []


async def test_body_that_grows_past_its_limit_is_refused_while_it_comes(
    shared_service: Any, video: Any
) -> None:
    async def endless() -> Any:
        while True:
            yield bytes(2**20)

    headers = {"Content-Type": "image/png"}
    path = f"videos/{video['id']}/thumbnail"
    try:
        answer = await shared_service.ask("tess", "PUT", path, data=endless(), headers=headers)
    except (ConnectionError, OSError):  # closed under a sender that does not listen
        return
    assert answer.said == "413 too-large"


async def test_sender_that_falls_silent_is_answered(
    shared_service: Any, video: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thumbnails, "BODY_TIMEOUT_S", 0.05)
    token = shared_service.client("tess").headers["Authorization"]

    async with connected(shared_service.url) as wire:
        answer = await wire.ask(
            f"PUT /api/v1/videos/{video['id']}/thumbnail HTTP/1.1",
            *("Host: x", f"Authorization: {token}"),
            *("Content-Type: image/png", "Content-Length: 1000"),
        )

    assert answer.status == 400


@pytest.mark.parametrize(
    ("who", "said"),
    [
        pytest.param(None, "401 invalid-token", id="nobody"),
        pytest.param("eve", "403 not-enrolled", id="stranger"),
        pytest.param("ada", "403 not-allowed", id="student"),
        pytest.param("root", "200", id="admin"),
    ],
)
async def test_only_teachers_choose(
    shared_service: Any, video: Any, who: str | None, said: str
) -> None:
    assert (await put(shared_service, video, who, body={"at": 1})).said == said


@pytest.mark.parametrize(
    ("status", "said"), [("processing", "409 not-ready"), ("failed", "409 failed")]
)
async def test_video_that_cannot_be_watched_has_nothing_to_choose(
    shared_service: Any, status: str, said: str
) -> None:
    video = {"id": await shared_service.video_row(status=status)}

    assert (await put(shared_service, video, body={"at": 1})).said == said
