"""Creates a demonstration course over the service's own API, as any client would."""

import asyncio
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp

from server.commands.tokens import TokenMint
from storage import samples
from storage.samples import Slide

COURSE, COURSE_TITLE = "demo", "Introduction to astronomy"
STUDENT, INSTRUCTOR, ADMIN = "student", "instructor", "admin"
READY_TIMEOUT_S = 180.0
TOKEN_TTL_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class DemoVideo:
    module_id: str
    module_title: str
    title: str
    filename: str
    write: Callable[[Path], object]


VIDEOS = (
    DemoVideo(
        "demo-week-1",
        "Week 1: Light",
        "Light and spectra",
        "light and spectra.mp4",
        partial(samples.write_clock_mp4, slide=Slide(COURSE_TITLE, "Week 1: Light and spectra")),
    ),
    DemoVideo(
        "demo-week-2",
        "Week 2: Distance",
        "The ladder of distances",
        "the ladder of distances.webm",
        partial(
            samples.write_clock_webm,
            slide=Slide(
                COURSE_TITLE,
                "Week 2: The ladder of distances",
                (
                    "Parallax: the nearest stars",
                    "Cepheids: candles that pulse",
                    "Redshift: everything else",
                ),
                accent=(32, 122, 110),
            ),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """A sign-in URL; the token is in the fragment, which browsers do not send to servers."""

    who: str
    url: str


def addresses(base_url: str, mint: TokenMint) -> list[DemoAddress]:
    roles = {STUDENT: (), INSTRUCTOR: (), ADMIN: (ADMIN,)}
    return [
        DemoAddress(who, f"{base_url}/#token={mint(who, roles=held, ttl_s=TOKEN_TTL_S)}")
        for who, held in roles.items()
    ]


class NotADemo(Exception):
    """The database holds courses of others: nothing is made beside them."""


async def seed(base_url: str, mint: TokenMint, tls: ssl.SSLContext | bool = True) -> None:
    """Create missing parts of the demo course; quick when it is complete.

    Raises: NotADemo in a database that holds other courses, unless the demo course is among them.
    """
    token = mint("demo-seed", roles=("admin",), ttl_s=600.0)
    headers = {"Authorization": f"Bearer {token}"}
    timeout = aiohttp.ClientTimeout(total=READY_TIMEOUT_S)
    async with aiohttp.ClientSession(
        base_url, headers=headers, timeout=timeout, connector=aiohttp.TCPConnector(ssl=tls)
    ) as session:
        await _refuse_others(session)
        await _put(session, f"courses/{COURSE}", {"title": COURSE_TITLE})
        for user_id in (STUDENT, INSTRUCTOR):
            await _put(session, f"courses/{COURSE}/enrollments/{user_id}", {"role": user_id})
        for position, video in enumerate(VIDEOS, start=1):
            await _put(
                session,
                f"courses/{COURSE}/modules/{video.module_id}",
                {"title": video.module_title, "position": position},
            )
        await asyncio.gather(*(_ensure_video(session, video) for video in VIDEOS))


async def _refuse_others(session: aiohttp.ClientSession) -> None:
    async with session.get(f"/api/v1/courses/{COURSE}") as response:
        found = await response.json(content_type=None)
    is_ours = response.status == 200 and found["title"] == COURSE_TITLE
    if not is_ours and (await _call(session, "GET", "courses?limit=1"))["items"]:
        raise NotADemo


async def _ensure_video(session: aiohttp.ClientSession, video: DemoVideo) -> None:
    path = f"modules/{video.module_id}/videos"
    existing = (await _call(session, "GET", path))["items"]
    video_id = existing[0]["id"] if existing else await _upload(session, path, video)
    async with asyncio.timeout(READY_TIMEOUT_S):
        while (await _call(session, "GET", f"videos/{video_id}"))["status"] == "processing":
            await asyncio.sleep(0.5)


async def _upload(session: aiohttp.ClientSession, path: str, video: DemoVideo) -> str:
    with tempfile.TemporaryDirectory(prefix="coursestream-demo-") as directory:
        file = Path(directory) / video.filename
        await asyncio.to_thread(video.write, file)
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("title", video.title)
        with file.open("rb") as body:
            form.add_field("file", body, filename=video.filename)
            video_id: str = (await _call(session, "POST", path, data=form))["id"]
    return video_id


async def _put(session: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
    await _call(session, "PUT", path, json=body)


async def _call(session: aiohttp.ClientSession, method: str, path: str, **options: Any) -> Any:
    async with session.request(method, f"/api/v1/{path}", **options) as response:
        answer = await response.json(content_type=None)
        if response.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer}")
        return answer
