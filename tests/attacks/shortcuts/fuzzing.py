"""Players that damage what they send, and conversations with a server by such players."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from tests.harness.wire import Wire, WireAnswer
from tests.service.answers import is_last

A_CONVERSATION = 20  # answers


class Fuzzer(random.Random):
    """Sends the same for the same seed.

    `share_ahead` of the requests are sent four at a time, `share_cut` in two pieces, and
    `share_broken` are damaged in one place.
    """

    share_ahead = 0.01
    share_broken = 0.01
    share_cut = 0.01

    def request(self) -> bytes:
        raise NotImplementedError

    def mutated(self, text: bytes) -> bytes:
        place = self.randrange(len(text))
        some = self.choice([b"", b"\r", b"\n", b"\r\n", b" ", b"\0", b"-", b"7", b":", b"\xff"])
        return text[:place] + some + text[place + self.randrange(2) :]

    async def send(self, wire: Wire, text: bytes) -> None:
        cut = self.randrange(len(text)) if self.random() < self.share_cut else len(text)
        wire.writer.write(text[:cut])
        if cut < len(text):
            await asyncio.sleep(0)
            wire.writer.write(text[cut:])


async def converse(
    wire: Wire, player: Fuzzer, said: list[Any], comparable: Callable[[WireAnswer], Any]
) -> None:
    """Collects all answers of one connection: to requests one by one, sent ahead, or in pieces.

    One that is broken is the last, since it is not known what the server waits for.
    """
    while len(said) < A_CONVERSATION:
        count = 4 if player.random() < player.share_ahead else 1
        ahead = [player.request() for _ in range(count)]
        is_broken = player.random() < player.share_broken
        text = b"".join(ahead)
        await player.send(wire, player.mutated(text) if is_broken else text)
        if is_broken:
            wire.writer.write_eof()
        while ahead or is_broken:
            is_head = bool(ahead) and ahead[0].startswith(b"HEAD")
            answer = await wire.answer("HEAD" if is_head else "GET")
            said.append(comparable(answer))
            del ahead[: answer.status != 100]
            if is_last(answer):
                return
