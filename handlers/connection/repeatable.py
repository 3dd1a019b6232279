"""What a handler has to do with requests that its connection may answer past it: it shows how by
its own answer, and is told what was tried already.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from handlers.connection.connection import Connection

Learn = Callable[[Iterable[tuple[str, str]]], None]


class Repeatable(web.Response):
    """An answer by aiohttp, after which its connection may be able to give the like by itself.

    `learn` is given the fields of its head.
    """

    def __init__(self, connection: Connection, learn: Learn, **options: Any) -> None:
        super().__init__(**options)
        self._connection = connection
        self._learn = learn

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        writer = await super().prepare(request)
        self._learn(self.headers.items())
        return writer

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(data)
        self._connection.settle()


def was_tried(request: web.BaseRequest) -> bool:
    """Whether it was tried to be answered past its handler, and `failure_of` tells what came."""
    connection = request.protocol
    return isinstance(connection, Connection) and connection.passed_on(request) is not None


def failure_of(request: web.BaseRequest) -> BaseException | None:
    """What came of a request that was tried to be answered past its handler. Told once."""
    connection = request.protocol
    if not isinstance(connection, Connection) or (passed := connection.passed_on(request)) is None:
        return None
    connection.forget_passed_on()
    return passed.failure


def began_s(request: web.BaseRequest) -> float:
    """When, on the monotonic clock, the answering of a request that has just come began."""
    connection = request.protocol
    passed = connection.passed_on(request) if isinstance(connection, Connection) else None
    return time.monotonic() if passed is None else passed.began_s
