"""A player that reports on a connection of its own, byte by byte."""

import json
from dataclasses import dataclass
from typing import Any

from handlers import keys
from tests.handlers.support.watching import Player, report
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, WireAnswer

WITHIN_S = 5.0


@dataclass
class Reporter:
    """Reports on one connection, each time with the same head but for the length."""

    player: Player
    wire: Wire
    lines: tuple[str, ...] = ("Host: x",)
    version: str = "1.1"

    @property
    def repeated(self) -> int:
        count: int = self.player.service.app[keys.REPORT_SHORTCUT].answered_count
        return count

    async def send(self, **changes: Any) -> None:
        body = json.dumps(report(**changes)).encode()
        target = f"POST {self.player.grant_path} HTTP/{self.version}"
        await self.wire.send(target, *self.lines, f"Content-Length: {len(body)}", body=body)

    async def say(self, **changes: Any) -> WireAnswer:
        await self.send(**changes)
        return await self.wire.answer()

    async def is_repeated(self) -> bool:
        before = self.repeated
        answer = await self.say()
        assert answer.status == 200, answer
        return self.repeated == before + 1

    async def until(self, said: str) -> None:
        """It is answered so within five seconds."""
        await wait_until(self.say, lambda answer: said_by(answer) == said, within_s=WITHIN_S)


def said_by(answer: WireAnswer) -> str:
    if answer.status == 200:
        return "200"
    return f"{answer.status} {json.loads(answer.body)['type'].rpartition(':')[2]}"
