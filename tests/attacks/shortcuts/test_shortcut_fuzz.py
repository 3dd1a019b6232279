"""The same bytes to a server that remembers requests and to one that does not: the same answers.

Requests are made from what players send, changed in places, cut anywhere, sent ahead of answers.
"""

import asyncio
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from handlers import keys
from tests.attacks.shortcuts.fuzzing import Fuzzer, converse
from tests.handlers.conftest import Service, StartService, furnish
from tests.harness.wire import connected
from tests.programs.certificates import make_certificate
from tests.service.answers import comparable

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("quiet")]

REQUESTS = 1_000_000 if os.environ.get("FULL") else 20_000
SHAPES = 300
AT_ONCE = 8
LIMITLESS = "1000000/second"
NEWLINE = "\r\n"


@pytest.fixture(autouse=True)
def unblocked_loop() -> None:
    """Not looked at here: it takes longer than the requests."""


@dataclass(frozen=True)
class Twins:
    """Two servers over one database and one storage; what can be asked of them."""

    on: Service
    off: Service
    targets: list[tuple[str, list[str]]]  # an address and the fields that it needs
    size: int
    etag: str
    modified: str


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["plain", "tls"])
async def twins(
    request: pytest.FixtureRequest,
    start_shared_service: StartService,
    mp4: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Twins:
    own = make_certificate(tmp_path_factory.mktemp("tls"))
    tls = own.settings if request.param == "tls" else {}
    on, off = [
        await start_shared_service(
            STREAM_REPLAY=switch, STREAM_RATE_LIMIT=LIMITLESS, STREAMS_PER_USER="1000", **tls
        )
        for switch in ("on", "off")
    ]
    await furnish(on)
    video = await on.ready_video(mp4)
    playback = (await on.ask("ada", "POST", f"videos/{video['id']}/playback", {})).json
    stream = f"/api/v1/videos/{video['id']}/stream"
    bearer = [f"Authorization: {on.student.headers['Authorization']}"]
    whole = await on.ask("ada", "GET", stream)
    targets = [
        (playback["stream_url"], []),
        (stream, bearer),
        (stream + "?format=mp4", bearer),
        (f"/api/v1/videos/{video['id']}/download", bearer),
        (f"/api/v1/videos/{video['id']}/thumbnails/small", bearer),
        ("/healthz", []),
        (stream, []),
    ]
    known = (len(whole.body), whole.headers["ETag"], whole.headers["Last-Modified"])
    return Twins(on, off, targets, *known)


class Player(Fuzzer):
    """Sends what players send, in a few shapes."""

    share_ahead = 1 / 61
    share_cut = 0.02

    def __init__(self, twins: Twins, seed: int) -> None:
        super().__init__(seed)
        self.twins = twins
        # TLS has no half-close, by which both would say what they have of a broken request.
        self.share_broken = 0.02 if twins.on.trusted is None else 0.0
        # A few shapes, each sent again and again, on this connection and on others.
        shapes = random.Random(seed % SHAPES)
        self.shapes = [self.shape(shapes) for _ in range(3)]

    def shape(self, rng: random.Random) -> tuple[str, str, str, list[str]]:
        target, fields = rng.choices(self.twins.targets, [9, 5, 1, 1, 1, 0.3, 0.3])[0]
        method = rng.choices(["GET", "HEAD", "POST", "get"], [30, 1, 0.3, 0.2])[0]
        version = rng.choices(["1.1", "1.0"], [60, 1])[0]
        more = [field for field in self.more_fields() if rng.random() < 0.03]
        return method, target, version, [*fields, *more]

    def more_fields(self) -> list[str]:
        etag, modified = self.twins.etag, self.twins.modified
        return [
            f"If-Range: {etag}",
            f"If-Range: W/{etag}",
            'If-Range: "other"',
            f"If-Range: {modified}",
            f"If-None-Match: {etag}",
            f"If-Match: {etag}",
            'If-Match: "other"',
            f"If-Modified-Since: {modified}",
            "Accept: video/mp4",
            "Accept: image/png",
            "Accept-Encoding: identity;q=1, *;q=0",
            "Connection: keep-alive",
            "Connection: close",
            "Connection: upgrade",
            "Upgrade: websocket",
            "Expect: 100-continue",
            "Range: bytes=3-4",
            "X-Note: bytes=1-2",
            "Content-Length: 0",
        ]

    def number(self) -> int:
        size = self.twins.size
        return self.choice([0, 1, self.randrange(size), size - 1, size, size + 1, 10**15, 10**14])

    def range_field(self) -> str:
        first = self.randrange(self.twins.size)
        near = f"bytes={first}-{first + self.randrange(3000)}"
        odd = [
            f"bytes={first}-",
            f"bytes={self.number()}-{self.number()}",
            f"bytes=-{self.number()}",
            f"bytes={first}-{first + 9},{self.number()}-",
            f"bytes=00{first}-{first + 5}",
            f"bytes= {first}-{first + 5}",
            f"bytes={first} -{first + 5}",
            f"items={first}-{first + 5}",
            f"BYTES={first}-{first + 5}",
            "bytes=-",
            "",
        ]
        name = self.choices(["Range", "range", "RANGE"], [20, 5, 1])[0]
        return f"{name}: {self.choices([near, *odd], [30] + [0.5] * len(odd))[0]}"

    def request(self) -> bytes:
        """As a client means it."""
        method, target, version, fields = self.choice(self.shapes)
        lines = [f"{method} {target} HTTP/{version}", "Host: x", *fields]
        if self.random() < 0.93:
            lines.insert(2 if self.random() < 0.99 else len(lines), self.range_field())
        return NEWLINE.join([*lines, "", ""]).encode()


async def outcome(service: Service, seed: int, twins: Twins) -> list[Any]:
    said: list[Any] = []
    async with connected(service.url, service.trusted) as wire:
        try:
            async with asyncio.timeout(20):
                await converse(wire, Player(twins, seed), said, comparable)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError) as exc:
            said.append(type(exc))
    return said


async def test_both_say_the_same(twins: Twins) -> None:
    seeds, answered = iter(range(REQUESTS)), 0
    wanted = REQUESTS if twins.on.trusted is None else REQUESTS // 4

    async def play() -> None:
        nonlocal answered
        while answered < wanted:
            seed = next(seeds)
            on = await outcome(twins.on, seed, twins)
            off = await outcome(twins.off, seed, twins)
            assert on == off, f"seed {seed}"
            answered += len(on)

    await asyncio.gather(*(play() for _ in range(AT_ONCE)))

    assert twins.on.app[keys.RANGE_SHORTCUT].answered.total() > wanted / 4
    assert keys.RANGE_SHORTCUT not in twins.off.app
