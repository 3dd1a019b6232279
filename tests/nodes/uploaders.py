"""Teachers who upload by tus, in small pieces, and keep account of what was acknowledged."""

import hashlib
import random
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.handlers.uploads.tusing import OCTETS, VERSION, metadata

PIECE_BYTES = 2**14
NOT_NOW = (408, 409, 423, 502, 503, 504)  # ask for the offset, and go on from there


@dataclass
class Uploader:
    """One upload after the other; `finished` has the SHA-256 of each video."""

    session: aiohttp.ClientSession
    film: bytes
    length_bytes: int
    content: bytes = b""
    location: str = ""
    offset: int = 0
    is_in_doubt: bool = False
    pieces: int = 0
    finished: dict[str, str] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)

    async def step(self) -> None:
        """A request. Raises what it meets."""
        if not self.location:
            await self._create()
        elif self.is_in_doubt:
            await self._ask()
        else:
            await self._send()

    async def _create(self) -> None:
        rest = self.length_bytes - len(self.film) - 8
        box = (rest + 8).to_bytes(4, "big") + b"free"
        self.content = self.film + box + random.randbytes(rest)
        headers = {
            **VERSION,
            "Upload-Length": str(self.length_bytes),
            "Upload-Metadata": metadata(title=uuid4().hex),
        }
        async with self.session.post("/api/v1/uploads", headers=headers) as response:
            if response.status == 201:
                self.location, self.offset = response.headers["Location"], 0

    async def _ask(self) -> None:
        async with self.session.head(self.location, headers=VERSION) as response:
            if response.status in NOT_NOW:
                return
            if response.status != 200:
                self._give_up(f"HEAD after {self.offset} acknowledged bytes: {response.status}")
                return
            self._go_on(response)

    async def _send(self) -> None:
        piece = self.content[self.offset : self.offset + PIECE_BYTES]
        headers = {**VERSION, **OCTETS, "Upload-Offset": str(self.offset)}
        self.is_in_doubt = True
        async with self.session.patch(self.location, headers=headers, data=piece) as response:
            if response.status == 204:
                self.pieces += 1
                self._go_on(response)
            elif response.status not in NOT_NOW:
                self._give_up(f"PATCH at {self.offset}: {response.status}")

    def _go_on(self, response: aiohttp.ClientResponse) -> None:
        offset = int(response.headers["Upload-Offset"])
        if offset < self.offset:
            self.lost.append(f"{self.offset} bytes were acknowledged, {offset} are there")
        self.offset, self.is_in_doubt = offset, False
        if video_id := response.headers.get("X-Video-ID"):
            self.finished[video_id] = hashlib.sha256(self.content).hexdigest()
            self.location = ""

    def _give_up(self, reason: str) -> None:
        self.lost.append(reason)
        self.location, self.is_in_doubt = "", False
