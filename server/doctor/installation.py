"""An installation under examination: its client, the video that is asked for, and the waits."""

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import hdrs

from server.doctor.client import Client, SeenReply, Unanswered

MOST_COURSES, COURSES_AT_ONCE = 50, 200
READY_WITHIN_S, POLL_S = 300.0, 0.5
TEMPORARY_VIDEO_S = 2


@dataclass(frozen=True, slots=True)
class Waits:
    """The lengths of the long checks; the defaults are those of players and common time-outs."""

    listen_s: float = 40.0
    heartbeat_s: float = 15.0
    first_event_s: float = 5.0
    pause_s: float = 40.0
    early_answer_s: float = 4.0
    body_bytes: int = 200 * 2**20
    watch_s: float = 8.0


QUICK = Waits(listen_s=3.0, pause_s=0.0, body_bytes=0, watch_s=0.0)


@dataclass(frozen=True, slots=True)
class SampleVideo:
    """A video that is ready, and addresses that play it."""

    id: str
    module_id: str
    size_bytes: int
    duration_s: float | None
    bearer_path: str
    media_url: str
    """By grant; at the edge where there is one."""
    events_path: str


@dataclass(frozen=True, slots=True)
class Installation:
    client: Client
    waits: Waits
    front: Sequence[str] = ()
    """Names of the proxies in front, as far as their headers show."""
    video: SampleVideo | None = None

    @property
    def behind(self) -> str:
        """The phrase for faults whose hop the answer does not show."""
        return f"between here and the service ({', '.join(self.front) or 'no proxy says its name'})"

    async def with_video(self, video_id: str | None) -> "Installation":
        """The same with the video of that id, else one that is ready. Raises: Unanswered."""
        found = await (self._named(video_id) if video_id else self._any_ready())
        return replace(self, video=await self._playing(found) if found else None)

    @asynccontextmanager
    async def with_temporary_video(self) -> AsyncIterator["Installation"]:
        """A course with a video, removed at the end. Raises: Unanswered."""
        course = f"/api/v1/courses/doctor-{secrets.token_hex(6)}"
        await self._make("PUT", course, json={"title": "Examination by doctor"})
        try:
            yield replace(self, video=await self._playing(await self._upload(course)))
        finally:
            await self.client.ask("DELETE", course)

    async def _upload(self, course: str) -> Any:
        module_id = f"doctor-{secrets.token_hex(6)}"
        module = {"title": "Examination", "position": 1}
        await self._make("PUT", f"{course}/modules/{module_id}", json=module)
        body = await asyncio.to_thread(_film)
        headers = {hdrs.CONTENT_TYPE: f"multipart/form-data; boundary={BOUNDARY}"}
        path = f"/api/v1/modules/{module_id}/videos"
        made = await self._make("POST", path, data=body, headers=headers)
        async with asyncio.timeout(READY_WITHIN_S):
            while made["status"] == "processing":
                await asyncio.sleep(POLL_S)
                made = await self._named(made["id"])
        if made["status"] != "ready":
            raise Unanswered(f"the uploaded video is {made['status']}: {made['failure']}")
        return made

    async def _make(self, method: str, path: str, **options: Any) -> Any:
        return parsed(await self.client.ask(method, path, **options), method, path)

    async def _named(self, video_id: str) -> Any:
        return await self._make("GET", f"/api/v1/videos/{video_id}")

    async def _any_ready(self) -> Any | None:
        courses = await self._make("GET", f"/api/v1/courses?limit={COURSES_AT_ONCE}")
        ready: list[Any] = []
        for course in islice(courses["items"], MOST_COURSES):
            outline = await self._make("GET", f"/api/v1/courses/{course['id']}")
            videos = [video for module in outline["modules"] for video in module["videos"]]
            ready += [video for video in videos if video["status"] == "ready"]
            if ready:
                break
        return max(ready, key=lambda video: video["size"], default=None)

    async def _playing(self, video: Any) -> SampleVideo:
        path = f"/api/v1/videos/{video['id']}"
        playback = await self._make("POST", f"{path}/playback", json={})
        head = await self.client.ask("HEAD", f"{path}/stream")
        told = head.headers.get(hdrs.CONTENT_LENGTH) if head.status == 200 else None
        return SampleVideo(
            video["id"],
            video["module_id"],
            int(told or video["size"]),
            video["duration"],
            f"{path}/stream",
            playback["stream_url"],
            playback["events_url"],
        )


BOUNDARY = "doctor-boundary"


def parsed(reply: SeenReply, method: str, path: str) -> Any:
    """The JSON of a good answer. Raises: Unanswered."""
    try:
        answer = json.loads(reply.body)
    except ValueError:
        answer = None
    if reply.status not in (200, 201) or answer is None:
        detail = answer.get("detail", "") if isinstance(answer, dict) else ""
        raise Unanswered(f"{reply.hop} answered {reply.status} to {method} {path} {detail}".strip())
    return answer


def _film() -> bytes:
    """A form with a film of seconds. Blocks for a second."""
    # It loads PyAV and Pillow, for which the other commands, all loaded with this, have no use.
    from storage.samples import write_clock_mp4

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "doctor.mp4"
        write_clock_mp4(path, TEMPORARY_VIDEO_S)
        content = path.read_bytes()
    head = (
        f"--{BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="file"; filename="doctor.mp4"\r\n'
        "Content-Type: video/mp4\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
