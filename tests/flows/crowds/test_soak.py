"""A crowd of mixed clients: no wrong byte, and nothing left behind; ten minutes with FULL=1."""

import asyncio
import json
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest

from tests.films.lectures import SMALL_BUFFER_BYTES
from tests.flows.conftest import IS_FULL, WAYS, Classroom
from tests.flows.crowds.crowd import KINDS, crowd
from tests.harness.running import STOP_TIMEOUT_S
from tests.harness.serving import until_silent
from tests.service.process_costs import held, private_bytes, until_held

CLIENTS = 500
STUDENTS = CLIENTS // 4
SOAK_S = 600.0 if IS_FULL else 3.0
WARM_UP_S = 120.0 if IS_FULL else 2.0
GROWTH_BYTES = 4 * 2**20  # as much as if each client left 8 KiB behind
READERS_AT_THE_END = 8


@pytest.fixture(scope="module", params=WAYS)
def classroom(request: pytest.FixtureRequest, classrooms: Callable[..., Classroom]) -> Classroom:
    """Stopped by the last test of this module."""
    return classrooms(STUDENTS, **request.param)


async def test_a_crowd_gets_no_wrong_byte_and_leaves_nothing_behind(classroom: Classroom) -> None:
    serve = classroom.serve
    before = await held(serve)
    await crowd(classroom, CLIENTS, WARM_UP_S)  # its memory is the high-water mark
    await until_held(serve, before)
    warm_bytes = private_bytes(serve.process.pid)

    visits = await crowd(classroom, CLIENTS, SOAK_S)

    await until_held(serve, before)
    assert private_bytes(serve.process.pid) - warm_bytes < GROWTH_BYTES
    assert visits.keys() == {kind.__name__ for kind in KINDS}
    assert problems(serve.log()) == []


def problems(log: str) -> list[str]:
    """Lines of the log that an operator would have to look at."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if json.loads(line)["level"] in ("warning", "error", "critical")]


async def test_a_stop_waits_for_all_who_read_on(classroom: Classroom) -> None:
    serve = classroom.serve
    async with AsyncExitStack() as open_:
        readers = [
            await open_.enter_async_context(classroom.watching(number, SMALL_BUFFER_BYTES))
            for number in range(READERS_AT_THE_END)
        ]
        for reader in readers:
            await reader.ask()
            assert (await reader.wire.head()).status == 200
        serve.process.send_signal(signal.SIGTERM)
        await until_silent(serve, "/healthz")
        await asyncio.gather(*(reader.take(0, reader.lecture.size) for reader in readers))
    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0
    assert problems(serve.log()) == []
