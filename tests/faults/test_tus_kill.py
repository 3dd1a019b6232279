"""kill -9 of the web process under an upload that can be resumed: no byte that was acknowledged is
ever lost, and in the end there is one video, bit for bit."""

import asyncio
import base64
import os
import random
from contextlib import suppress
from io import BytesIO
from typing import Any

import aiohttp
import pytest

from server.commands.tokens import mint_token
from tests.faults.conftest import TIMEOUT_S, Killed
from tests.harness.running import SECRET

IS_FULL = os.environ.get("FULL") == "1"
ROUNDS = 60 if IS_FULL else 4
PIECE_BYTES = 100_000
HEADERS = {
    "Authorization": f"Bearer {mint_token(SECRET, 'root', roles=('admin',))}",
    "Tus-Resumable": "1.0.0",
}
# In order: where the process dies under the last piece, the second one.
STEPS = [
    "db.uploads.uploads:claim:after#2",
    "storage.receiving.partials:_open_exclusive:after#2",
    "storage.receiving.partials:_cut:after#2",
    "storage.receiving.uploads:UploadFile.finish:before#2",
    "storage.receiving.uploads:UploadFile.finish:after#2",
    "db.uploads.uploads:advance:before#2",
    "db.uploads.uploads:advance:after#2",
    "events.uploads.publication:Publication.examine:after",
    "storage.videos:_make_video_dir:after",
    "events.uploads.publication:publish_partial:after",
    "db.videos.videos:insert:after",
    "db.uploads.uploads:complete:after",
    "events.log.log:append:after",
    "events.uploads.publication:Publication.publish_resumed:after",
    "storage.receiving.partials:PartialFile.remove:before",
    "storage.receiving.partials:PartialFile.remove:after",
]
UPLOADED = "SELECT count(*) FROM videos"


class Upload:
    """One, by a client that knows nothing but what it was answered."""

    def __init__(self, servers: Killed, content: bytes) -> None:
        self._url = f"http://127.0.0.1:{servers.port}"
        self._content = content
        self.location = ""
        self.acknowledged = 0

    async def create(self) -> None:
        pairs = f"module_id {base64.b64encode(b'm1').decode()}"
        asked = {"Upload-Length": str(len(self._content)), "Upload-Metadata": pairs}
        headers = await self._ask("POST", "/api/v1/uploads", asked)
        assert headers is not None
        self.location = headers["Location"]

    async def resume(self) -> str | None:
        """Asks for the offset; returns the video's id once the upload has become one."""
        headers = await self._ask("HEAD", self.location, {})
        assert headers is not None, "it is gone"
        offset = int(headers["Upload-Offset"])
        assert offset >= self.acknowledged, "what was acknowledged is lost"
        self.acknowledged = offset
        return headers.get("X-Video-ID")

    async def send(self, piece_bytes: int) -> bool:
        """Sends the next bytes; True if they were acknowledged."""
        piece = self._content[self.acknowledged : self.acknowledged + piece_bytes]
        asked = {
            "Upload-Offset": str(self.acknowledged),
            "Content-Type": "application/offset+octet-stream",
        }
        headers = await self._ask("PATCH", self.location, asked, piece)
        if headers is not None:
            self.acknowledged = int(headers["Upload-Offset"])
        return headers is not None

    async def _ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> Any:
        """The headers of the answer; None when the server died over it."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        with suppress(aiohttp.ClientConnectionError, ConnectionError):
            async with (
                aiohttp.ClientSession(headers=HEADERS, timeout=timeout) as session,
                session.request(
                    method, f"{self._url}{path}", headers=headers, data=body and BytesIO(body)
                ) as response,
            ):
                assert response.status in (200, 201, 204), await response.text()
                return response.headers
        return None


@pytest.fixture(scope="module")
def lecture(film: bytes) -> bytes:
    """Its filler is worth comparing."""
    return film[: -(2**20)] + random.Random(1).randbytes(2**20)


async def test_killed_at_any_step_of_its_end_an_upload_becomes_one_video(
    servers: Killed, lecture: bytes
) -> None:
    before = 0
    for step in STEPS if IS_FULL else STEPS[1::2]:
        await asyncio.to_thread(servers.start, step)
        upload = Upload(servers, lecture)
        await upload.create()
        assert await upload.send(len(lecture) - PIECE_BYTES)
        assert not await upload.send(PIECE_BYTES), f"it did not die at {step}"
        await asyncio.to_thread(servers.wait_until_dead)

        await asyncio.to_thread(servers.start)
        video_id = await upload.resume()
        if video_id is None:
            assert await upload.send(len(lecture)), step
            video_id = await upload.resume()
        assert video_id is not None
        assert servers.originals()[video_id].read_bytes() == lecture, step
        await asyncio.to_thread(servers.kill)
        ((after,),) = await asyncio.to_thread(servers.rows, UPLOADED)
        assert after == before + 1, step
        before = after


async def test_killed_at_any_moment_no_acknowledged_byte_is_lost(
    servers: Killed, lecture: bytes
) -> None:
    chance = random.Random(20261122)
    await asyncio.to_thread(servers.start)
    upload = Upload(servers, lecture)
    await upload.create()
    for _ in range(ROUNDS):
        sending = asyncio.create_task(send_pieces(upload, chance, ROUNDS))
        await asyncio.wait([sending], timeout=chance.uniform(0.01, 0.2))
        await asyncio.to_thread(servers.kill)
        await sending
        await asyncio.to_thread(servers.start)
        await upload.resume()
    while await upload.resume() is None:
        await upload.send(PIECE_BYTES)

    video_id = await upload.resume()
    assert servers.originals()[str(video_id)].read_bytes() == lecture
    assert await asyncio.to_thread(servers.rows, UPLOADED) == [(1,)]


async def send_pieces(upload: Upload, chance: random.Random, rounds: int) -> None:
    """Until the server dies over one; all rounds together never reach the end."""
    most_bytes = 2**20 // rounds
    stop = upload.acknowledged + most_bytes
    while upload.acknowledged < stop and await upload.send(chance.randint(1, most_bytes // 10)):
        pass
