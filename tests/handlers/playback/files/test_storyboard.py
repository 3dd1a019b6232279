"""Storyboards: the text and its sheets, by bearer token and by grant."""

import io
import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin
from uuid import UUID

import pytest
import pytest_asyncio
from PIL import Image

from db.pool import Database
from handlers import keys
from tests.handlers.support.playing import REVOKED, change, enrolled, playback

pytestmark = pytest.mark.asyncio(loop_scope="module")

CUE = re.compile(
    r"(\d+):(\d+):([\d.]+) --> (\d+):(\d+):([\d.]+)\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(shared_service: Any, mp4: Path) -> Any:
    return await shared_service.ready_video(mp4)


@pytest_asyncio.fixture(params=["bearer", "grant"], loop_scope="module")
async def cues_by(request: pytest.FixtureRequest, shared_service: Any, video: Any) -> Any:
    """The calling user, None by grant, and the URL of the cues."""
    if request.param == "bearer":
        return "ada", f"/api/v1/videos/{video['id']}/storyboard.vtt"
    return None, (await playback(shared_service, video))["storyboard_url"]


async def test_cues_lead_to_tiles(shared_service: Any, video: Any, cues_by: Any) -> None:
    who, url = cues_by

    answer = await shared_service.ask(who, "GET", url)

    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/vtt; charset=utf-8")
    cues = CUE.findall(answer.body.decode())
    assert answer.body.startswith(b"WEBVTT\n\n")
    assert len(cues) == 1  # two seconds
    hours, minutes, seconds = (float(part) for part in cues[-1][3:6])
    assert hours * 3600 + minutes * 60 + seconds == pytest.approx(video["duration"], abs=0.001)
    for *_, name, left, top, width, height in cues:
        sheet = await shared_service.ask(who, "GET", urljoin(url, name))
        assert (sheet.status, sheet.headers["Content-Type"]) == (200, "image/jpeg")
        with Image.open(io.BytesIO(sheet.body)) as image:
            assert image.width >= int(left) + int(width)
            assert image.height >= int(top) + int(height)


async def test_text_and_sheets_are_cached_and_conditional(
    shared_service: Any, cues_by: Any
) -> None:
    who, url = cues_by
    text = await shared_service.ask(who, "GET", url)
    sheet_url = urljoin(url, CUE.findall(text.body.decode())[0][6])

    for each in (url, sheet_url):
        whole = await shared_service.ask(who, "GET", each)
        etag = whole.headers["ETag"]
        same = await shared_service.ask(who, "GET", each, headers={"If-None-Match": etag})
        part = await shared_service.ask(who, "GET", each, headers={"Range": "bytes=2-5"})
        head = await shared_service.ask(who, "HEAD", each)
        beyond = await shared_service.ask(who, "GET", each, headers={"Range": "bytes=9999999-"})

        assert (same.status, same.body, same.headers["ETag"]) == (304, b"", etag)
        assert (part.status, part.body) == (206, whole.body[2:6])
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(whole.body))
        assert beyond.said == "416 range-not-satisfiable"
        for answer in (whole, same, part, head):
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        cached = whole.headers["Cache-Control"]
        expected = r"private, no-cache" if who else r"private, max-age=\d+"
        assert re.fullmatch(expected, cached)


@pytest.mark.parametrize("name", ["storyboard.vtt", "storyboard-0123456789abcdef.jpg"])
@pytest.mark.parametrize(
    ("who", "said"),
    [
        pytest.param(None, "401 invalid-token", id="nobody"),
        pytest.param("eve", "403 not-enrolled", id="stranger"),
    ],
)
async def test_storyboard_is_for_those_who_may_watch(
    shared_service: Any, video: Any, name: str, who: str | None, said: str
) -> None:
    answer = await shared_service.ask(who, "GET", f"videos/{video['id']}/{name}")

    assert answer.said == said


async def test_withdrawn_student_sees_it_no_longer(shared_service: Any, video: Any) -> None:
    who = await enrolled(shared_service, "leaver")
    url = (await playback(shared_service, video, who))["storyboard_url"]
    assert (await shared_service.ask(None, "GET", url)).status == 200

    await change(shared_service, who, "DELETE")

    assert await shared_service.is_soon(REVOKED, None, "GET", url)


@pytest.mark.parametrize(
    "name",
    [
        "storyboard-0123456789abcdef.jpg",
        "storyboard-..jpg",
        "storyboard-%2e%2e%2foriginal.jpg",
        "storyboard-0123456789ABCDEF.jpg",
        "storyboard-.jpg",
        "storyboard-0123456789abcdef.vtt",
    ],
)
async def test_sheet_that_there_is_not_is_not_found(
    shared_service: Any, video: Any, name: str
) -> None:
    answer = await shared_service.ask("ada", "GET", f"videos/{video['id']}/{name}")

    assert answer.said == "404 not-found"


@pytest.mark.parametrize(
    ("status", "said"), [("processing", "409 not-ready"), ("failed", "409 failed")]
)
async def test_video_that_cannot_be_watched_has_none(
    shared_service: Any, status: str, said: str
) -> None:
    video_id = await shared_service.video_row(status=status)

    answer = await shared_service.ask("tess", "GET", f"videos/{video_id}/storyboard.vtt")

    assert answer.said == said


async def test_until_it_is_made_there_is_none(shared_service: Any, mp4: Path) -> None:
    video = await shared_service.ready_video(mp4)
    database: Database = shared_service.app[keys.DATABASE]
    async with database.transaction() as transaction:
        await transaction.execute(
            "DELETE FROM storyboard_files WHERE video_id = %s", (video["id"],)
        )
    shared_service.app[keys.CATALOG].forget(UUID(video["id"]))

    told = await playback(shared_service, video)
    answer = await shared_service.ask("ada", "GET", f"videos/{video['id']}/storyboard.vtt")

    assert told["storyboard_url"] is None
    assert answer.said == "404 not-found"
