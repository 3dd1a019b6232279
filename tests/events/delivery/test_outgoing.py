"""Requests to receivers: whatever a private address is written as, nothing is sent there."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from events.delivery.outgoing import (
    PrivateAddress,
    PublicResolver,
    open_session,
    post,
    retry_after_s,
)


class Listener:
    """A server of this machine that counts who connects."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0

    async def called(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    found = Listener()
    async with await asyncio.start_server(found.called, "127.0.0.1", 0) as server:
        found.port = server.sockets[0].getsockname()[1]
        yield found


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("127.0.0.1", id="dotted"),
        pytest.param("2130706433", id="one decimal number"),
        pytest.param("127.1", id="short"),
        pytest.param("0x7f.0.0.1", id="hexadecimal"),
        pytest.param("0177.0.0.1", id="octal"),
        pytest.param("0.0.0.0", id="any address"),
        pytest.param("0", id="any address, short"),
        pytest.param("localhost", id="a name"),
        pytest.param("[::ffff:127.0.0.1]", id="mapped into IPv6"),
        pytest.param("[::ffff:7f00:1]", id="mapped, hexadecimal"),
        pytest.param("[::1]", id="IPv6"),
    ],
)
async def test_no_form_of_a_private_address_is_called(listener: Listener, host: str) -> None:
    async with open_session(may_call_private=False) as session:
        with pytest.raises((OSError, aiohttp.ClientError, ValueError)):
            await post(session, f"http://{host}:{listener.port}/", b"{}", {})

    assert listener.connections == 0


async def test_the_same_address_is_called_where_that_is_allowed(listener: Listener) -> None:
    async with open_session(may_call_private=True) as session:
        with pytest.raises(aiohttp.ClientError):  # it closes at once
            await post(session, f"http://127.0.0.1:{listener.port}/", b"{}", {})

    assert listener.connections >= 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"ok", id="cut"),
        pytest.param(b"x" * 200_000, id="too long"),
    ],
)
@pytest.mark.parametrize("ends", [True, False], ids=["closed", "hanging"])
async def test_a_status_that_arrived_holds_whatever_becomes_of_its_body(
    body: bytes, *, ends: bool
) -> None:
    answered = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 Fine\r\nContent-Length: 300000\r\n\r\n" + body)
        if not ends:
            with suppress(OSError):
                await reader.read()  # until the other side ends
            writer.transport.abort()  # what was not read is kept for nobody
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        answered.set()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0) as server,
        open_session(may_call_private=True) as session,
        asyncio.timeout(10),
    ):
        port = server.sockets[0].getsockname()[1]
        reply = await post(session, f"http://127.0.0.1:{port}/", b"{}", {})
        await answered.wait()

    assert reply.status == 200


@pytest.mark.parametrize(
    ("text", "wish_s"),
    [
        pytest.param("", 0.0, id="none"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("1" * 400, 111_111_111_111.0, id="too many digits"),
        pytest.param("Wed, 02 Dec 2026 17:01:30 GMT", 90.0, id="a date"),
        pytest.param("Wednesday, 02-Dec-26 17:01:30 GMT", 90.0, id="an obsolete date"),
        pytest.param("Wed Dec  2 17:01:30 2026", 90.0, id="a date of asctime"),
        pytest.param("Wed, 02 Dec 2026 16:59:00 GMT", 0.0, id="a date that is over"),
        pytest.param("soon", 0.0, id="a word"),
        pytest.param("-5", 0.0, id="below zero"),
        pytest.param("Wed, 99 Dec 99999 99:99:99 GMT", 0.0, id="no date"),
    ],
)
def test_a_receiver_names_its_pause_in_seconds_or_by_a_date(text: str, wish_s: float) -> None:
    assert retry_after_s(text, datetime(2026, 12, 2, 17, tzinfo=UTC)) == wish_s


class Rebinding(aiohttp.abc.AbstractResolver):
    """A name server whose answers change."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = iter(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[Any]:
        return [
            {"hostname": host, "host": one, "port": port, "family": family, "proto": 0, "flags": 0}
            for one in next(self._answers)
        ]

    async def close(self) -> None:
        pass


async def test_each_answer_of_a_name_is_checked_and_all_its_addresses() -> None:
    resolver = PublicResolver(Rebinding(["8.8.8.8"], ["127.0.0.1"], ["8.8.8.8", "10.0.0.1"]))

    assert [one["host"] for one in await resolver.resolve("example.org")] == ["8.8.8.8"]
    for _ in range(2):
        with pytest.raises(PrivateAddress):
            await resolver.resolve("example.org")
