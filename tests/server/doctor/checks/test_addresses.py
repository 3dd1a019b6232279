"""Addresses of one name, of which some answer."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from server.doctor.checks.addresses import Resolve, examine_addresses

HERE, NOWHERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(answer, HERE, 0) as server:
        yield server.sockets[0].getsockname()[1]


def named(*addresses: str) -> Resolve:
    async def resolved(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolved


async def test_an_address_that_does_not_answer_beside_one_that_does_is_a_fault(port: int) -> None:
    found = await examine_addresses(f"http://courses.example:{port}", named(HERE, NOWHERE))

    assert [one.code for one in found] == ["address-silent"]
    assert found[0].sentence.startswith(f"{NOWHERE}, an address of courses.example,")


@pytest.mark.parametrize(
    ("addresses", "count"), [((HERE,), 0), ((HERE, HERE), 1), ((NOWHERE, NOWHERE), 0)]
)
async def test_addresses_that_all_answer_and_single_ones_are_no_fault(
    addresses: Sequence[str], count: int, port: int
) -> None:
    found = await examine_addresses(f"http://courses.example:{port}", named(*addresses))

    assert [one.severity.value for one in found] == ["ok"] * count
