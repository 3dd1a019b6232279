"""The same reports to a server that repeats and to one that does not: the same answers.

Reports are made from what players send, changed in places, cut anywhere, sent ahead of answers.
"""

import asyncio
import json
import os
import re
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from events.progress import plausibility
from handlers import keys
from handlers.access.grants import PlaybackGrant
from tests.attacks.shortcuts.fuzzing import Fuzzer, converse
from tests.handlers.conftest import Service, StartService, furnish
from tests.harness.wire import WireAnswer, connected
from tests.programs.certificates import make_certificate
from tests.service.answers import comparable

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("quiet")]

REPORTS = 200_000 if os.environ.get("FULL") else 1_000
AT_ONCE = 32
DURATION_S = 30.0
ORIGIN = "https://lms.example"
NEWLINE = "\r\n"
TIMES = re.compile(rb'"(completed_at|updated_at)":"[^"]*"')


@pytest.fixture(autouse=True)
def unbounded_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds count up to a bound that grows with time: by how fast each twin answers."""
    monkeypatch.setattr(plausibility, "SLACK_S", 1e9)


@dataclass(frozen=True)
class Twins:
    """Two servers over one database, and the video that everyone watches."""

    on: Service
    off: Service
    video_id: str

    def target(self, service: Service, seed: int) -> str:
        """By a grant of its own for each conversation with each of them; all are as long."""
        grants = service.app[keys.GRANTS]
        grant = PlaybackGrant(
            user_id=f"{'a' if service is self.on else 'b'}-{seed}",
            video_id=UUID(self.video_id),
            course_id="c1",
            version=1,
            duration_s=DURATION_S if seed % 3 else None,
            media_types={},
            expires_at=grants.expiry(privileged=False),
        )
        return f"/play/{grants.mint(grant)}/{self.video_id}/progress"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["plain", "tls"])
async def twins(
    request: pytest.FixtureRequest,
    start_shared_service: StartService,
    tmp_path_factory: pytest.TempPathFactory,
) -> Twins:
    own = make_certificate(tmp_path_factory.mktemp("tls"))
    tls = own.settings if request.param == "tls" else {}
    on, off = [
        await start_shared_service(STREAM_REPLAY=switch, CORS_ORIGINS=ORIGIN, **tls)
        for switch in ("on", "off")
    ]
    await furnish(on)
    return Twins(on, off, await on.video_row(status="ready"))


class Player(Fuzzer):
    """Sends what players report."""

    def __init__(self, target: str, seed: int) -> None:
        super().__init__(seed)
        self.target = target
        self.fields = [field for field in self.more_fields() if self.random() < 0.02]
        self.sequence = 0

    def more_fields(self) -> list[str]:
        return [
            f"Origin: {ORIGIN}",
            "Origin: https://other.example",
            "Content-Type: text/plain",
            "Content-Encoding: identity",
            "Content-Encoding: gzip",
            "Connection: keep-alive",
            "Connection: close",
            "Connection: upgrade",
            "Upgrade: websocket",
            "Expect: 100-continue",
            "Transfer-Encoding: chunked",
            "Content-Length: 7",
            "Range: bytes=0-1",
            "X-Note: " + "n" * 4000,
        ]

    def second(self) -> Any:
        near = round(self.random() * DURATION_S, 2)
        odd = [
            -0.0,
            -1,
            30.5,
            31.01,
            86_402,
            1e300,
            1e400,
            float("nan"),
            "1",
            None,
            True,
            [],
            10**400,
        ]
        return self.choices([near, *odd], [900] + [1] * len(odd))[0]

    def delay(self) -> Any:
        """In whole days: which session is ahead must not depend on how fast the machine is."""
        second = self.second()
        return 86_400 * self.randrange(30) if isinstance(second, float) else second

    def report(self) -> bytes:
        self.sequence += self.choices([1, 0, -1], [20, 1, 1])[0]
        said: dict[str, Any] = {
            # One session: which of two is ahead follows from clocks, to which the twins' differ.
            "session_id": self.choices(["s", "", "a.b", "é"], [110, 1, 1, 1])[0],
            "sequence": self.choices([self.sequence, 2**53, 0.5], [90, 1, 1])[0],
            "position": self.second(),
            "watched": [
                sorted([self.second(), self.second()], key=str) for _ in range(self.randrange(4))
            ],
            "event": self.choice(["progress", "started", "paused", "seeked", "stopped"]),
        }
        if self.random() < 0.1:
            said["quality"] = {"stalls": self.randrange(-1, 9), "error": self.choice("a\0é☃")}
        if self.random() < 0.05:
            name = self.choice(["rate", "delayed_s", "postion"])
            said[name] = self.delay() if name == "delayed_s" else self.second()
        return self.broken(json.dumps(said, ensure_ascii=self.random() < 0.5).encode())

    def broken(self, body: bytes) -> bytes:
        """Whole, nearly always."""
        other = [b"", b"{}", b"[" * 3000, b"\xff" + body, body[:-1], body + b" ", body + b"}", b"0"]
        return self.choices([body, *other], [200] + [1] * len(other))[0]

    def request(self) -> bytes:
        body = self.report()
        name = self.choices(["Content-Length", "content-length", "CONTENT-LENGTH"], [300, 1, 1])[0]
        length = self.choices([f"{len(body)}", f"00{len(body)}", f"{len(body)} "], [300, 1, 1])[0]
        method, version = self.choices(
            [("POST", "1.1"), ("PUT", "1.1"), ("POST", "1.0")], [200, 1, 1]
        )[0]
        fields = self.fields if self.random() < 0.995 else [self.choice(self.more_fields())]
        lines = [f"{method} {self.target} HTTP/{version}", "Host: x", f"{name}: {length}", *fields]
        return NEWLINE.join([*lines, "", ""]).encode() + body


def alike(answer: WireAnswer) -> tuple[Any, ...]:
    """All that two answers have in common."""
    body, headers = TIMES.sub(rb'"\1":""', answer.body), answer.headers.copy()
    if headers.get("Content-Type", "").startswith("text/plain"):
        body = b""  # what is no HTTP is shown, grant and all, and that is another for each
    if "Content-Length" in headers:
        headers["Content-Length"] = str(len(body))  # a time without microseconds is shorter
    return comparable(replace(answer, body=body, headers=headers)), list(answer.headers)


async def outcome(twins: Twins, service: Service, seed: int) -> list[Any]:
    said: list[Any] = []
    player = Player(twins.target(service, seed), seed)
    if service.trusted is not None:
        player.share_broken = 0.0  # TLS has no half-close, by which both would say what they have
    async with connected(service.url, service.trusted) as wire:
        try:
            async with asyncio.timeout(60):
                await converse(wire, player, said, alike)
        except (asyncio.IncompleteReadError, OSError, ValueError) as exc:
            said.append(type(exc))
    return said


async def test_both_say_the_same(twins: Twins) -> None:
    seeds = iter(range(REPORTS))
    answered = 0

    async def play() -> None:
        nonlocal answered
        while answered < REPORTS:
            seed = next(seeds)
            on, off = await asyncio.gather(
                outcome(twins, twins.on, seed), outcome(twins, twins.off, seed)
            )
            assert on == off, f"seed {seed}"
            answered += len(on)

    await asyncio.gather(*(play() for _ in range(AT_ONCE)))

    assert twins.on.app[keys.REPORT_SHORTCUT].answered_count > REPORTS / 5
    assert keys.REPORT_SHORTCUT not in twins.off.app
