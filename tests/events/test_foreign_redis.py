"""A server at REDIS_URL that is no Redis: what is kept there is away, whatever it answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import UUID

import pytest

from events.errors import BoardUnavailable
from events.hot.redis_ranking import RedisRanking
from events.hot.redis_shelf import RedisShelf
from events.usage.redis_board import RedisBoard

VIDEO = UUID(int=1)
ANSWERS = {
    "page": b"HTTP/1.1 400 Bad Request\r\n\r\n<html>",
    "text": b"+OK\r\n",
    "bytes": b"$2\r\n\xff\xfe\r\n",
    "number": b":7\r\n",
    "number of thousands of digits": b":" + b"9" * 5000 + b"\r\n",
    "nothing": b"$-1\r\n",
    "list of numbers": b"*2\r\n:1\r\n:2\r\n",
    "list of bytes": b"*2\r\n$2\r\n\xff\xfe\r\n$1\r\na\r\n",
    "empty list": b"*0\r\n",
    "nested": b"*1\r\n" * 5000,
    "length below zero": b"$-5\r\n",
    "length that is none": b"$abc\r\n",
}


@asynccontextmanager
async def server_of(answer: bytes) -> AsyncIterator[str]:
    """A server that accepts a connection's beginning, and answers each command so from then on."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(2**16):
            for command in asked.split(b"*")[1:]:
                is_greeting = b"HELLO" in command or b"SETNAME" in command
                writer.write(b"+OK\r\n" if is_greeting else answer)
        writer.close()

    server = await asyncio.start_server(answer_all, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def outcome_of(call: Callable[[], Awaitable[object]]) -> object:
    try:
        return await call()
    except BoardUnavailable:
        return None


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_limits_count_alone(answer: bytes) -> None:
    async with server_of(answer) as url:
        board = RedisBoard(url, timeout_s=0.2)
        assert not await outcome_of(lambda: board.exchange("here", b"posting"))
        assert not await outcome_of(lambda: board.remove("here"))
        await board.close()


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
async def test_facts_come_from_elsewhere(answer: bytes) -> None:
    async with server_of(answer) as url:
        shelf = RedisShelf(url, timeout_s=0.2)
        assert isinstance(await shelf.get(VIDEO), bytes | None)
        await shelf.close()
        shelf = RedisShelf(url, timeout_s=0.2)
        assert await shelf.put(VIDEO, b"entry") in (True, False)
        await shelf.close()
        shelf = RedisShelf(url, timeout_s=0.2)
        assert not await RedisRanking(shelf).exchange({VIDEO: 1})
        await shelf.close()
