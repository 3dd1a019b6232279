"""Media children that the machine kills: never the film's fault, and nothing is lost by it."""

import io
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.attacks.striking import striking
from tests.handlers.uploads.tusing import OCTETS, create, created, offset_of, patch, stored_bytes
from tests.handlers.uploads.uploading import is_nothing_left, sending

ALL = 3  # children of one request
CAPTIONS = b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n"


async def test_film_is_taken_though_its_child_was_killed(service: Any, mp4: Path) -> None:
    with striking("examine", signal.SIGKILL, 2) as struck:
        await service.upload(mp4)

    assert len(struck) == 2


async def test_form_is_to_be_sent_again_when_no_child_lives(service: Any, film: bytes) -> None:
    with striking("examine", signal.SIGKILL, ALL):
        async with sending(service, len(film)) as upload:
            await upload.send(film)
            answer = await upload.end()

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert b"urn:coursestream:unavailable" in answer.body
    assert await is_nothing_left(service)


async def test_resumable_upload_waits_for_a_child_that_lives(service: Any, film: bytes) -> None:
    location = await created(service, len(film))
    with striking("examine", signal.SIGKILL, ALL):
        answer = await patch(service, location, 0, film)

    assert answer.said == "503 unavailable"
    assert answer.headers["Retry-After"] == "2"
    offset = await offset_of(service, location)
    assert offset == len(film) - 1, "all of it is kept; the last byte counts once it is a video"
    answer = await patch(service, location, offset, film[offset:])
    assert answer.said == "204"
    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


async def test_upload_sent_with_its_creation_is_kept_as_well(service: Any, film: bytes) -> None:
    with striking("examine", signal.SIGKILL, ALL):
        answer = await create(service, len(film), **OCTETS, data=film)

    assert (answer.said, int(answer.headers["Upload-Offset"])) == ("201", len(film) - 1)
    assert "X-Video-ID" not in answer.headers
    answer = await patch(service, answer.headers["Location"], len(film) - 1, film[-1:])
    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


@pytest.mark.parametrize("function", ["custom_thumbnails", "thumbnails"])
@pytest.mark.parametrize(
    ("times", "said"), [pytest.param(1, "200", id="once"), pytest.param(ALL, "503 unavailable")]
)
async def test_picture_is_not_to_blame(
    service: Any, mp4: Path, function: str, times: int, said: str
) -> None:
    video = await service.ready_video(mp4)
    picture = io.BytesIO()
    Image.new("RGB", (320, 180), "red").save(picture, "PNG")
    chosen: dict[str, Any] = {"body": {"at": 0.2}}
    if function == "custom_thumbnails":
        chosen = {"data": picture.getvalue(), "headers": {"Content-Type": "image/png"}}

    with striking(function, signal.SIGKILL, times):
        answer = await service.ask("tess", "PUT", f"videos/{video['id']}/thumbnail", **chosen)

    assert answer.said == said
    if said != "200":
        assert (await service.ask("tess", "GET", f"videos/{video['id']}")).json == video


@pytest.mark.parametrize(
    ("times", "said"), [pytest.param(1, "201", id="once"), pytest.param(ALL, "503 unavailable")]
)
async def test_captions_are_not_to_blame(service: Any, times: int, said: str) -> None:
    path = f"videos/{await service.video_row(status='ready')}/captions/en"
    sent = {"data": CAPTIONS, "headers": {"Content-Type": "text/vtt"}}

    with striking("text_track", signal.SIGKILL, times):
        assert (await service.ask("tess", "PUT", path, **sent)).said == said

    assert (await service.ask("tess", "GET", path)).said == (
        "200" if times == 1 else "404 not-found"
    )
