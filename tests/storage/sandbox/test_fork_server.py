"""Fork servers: what their children share, and what becomes of orders when one ends or hangs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from storage.errors import MediaInterrupted
from storage.sandbox import forked_child
from storage.sandbox.children import Sandbox
from storage.sandbox.forked_child import Child
from tests.harness.waiting import wait_until
from tests.storage.sandbox.living import children, servers

HERE = Path(__file__).resolve().parent


class Nothing(msgspec.Struct, frozen=True):
    pass


class Note(msgspec.Struct, frozen=True):
    path: Path


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Child]:
    """A kind of child that no other test has a server for."""
    made = Child("hostile_child", (HERE, HERE.parents[2], tmp_path))
    yield made
    forked_child._SERVERS.get(made).kill()


async def chatter(child: Child, *, most: int = 1) -> int:
    answer: int = await Sandbox(30, child=child).run(
        "chatter", Nothing(), int, timeout_s=30, most_interruptions=most
    )
    return answer


def hang(child: Child, note: Path) -> "asyncio.Task[None]":
    work = Sandbox(1, child=child).run(
        "hang_noted", Note(note), type(None), timeout_s=60, file_bytes=1000
    )
    return asyncio.create_task(work)


async def server_of(child: Child) -> int:
    """The process id of the server, that has loaded all it needs."""
    await chatter(child)
    return forked_child._SERVERS.get(child).process.pid


async def test_children_of_one_kind_have_one_server(child: Child) -> None:
    server = await server_of(child)

    assert server in servers()
    assert await server_of(child) == server


async def test_a_new_server_is_started_after_so_many_children(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forked_child, "_CHILDREN_PER_SERVER", 2)
    first = await server_of(child)
    await chatter(child)

    assert await server_of(child) != first
    await wait_until(lambda: first not in servers())


async def test_orders_wait_for_a_server_that_is_loading(child: Child) -> None:
    """More than its socket holds."""
    assert await asyncio.gather(*(chatter(child) for _ in range(30))) == [7] * 30


async def test_a_killed_server_takes_its_children_along_and_is_followed_by_another(
    child: Child, tmp_path: Path
) -> None:
    server = await server_of(child)
    work = hang(child, tmp_path / "note")
    await wait_until((tmp_path / "note").exists)

    os.kill(server, signal.SIGKILL)
    with pytest.raises(MediaInterrupted, match="SIGKILL"):
        await work

    await wait_until(lambda: not children() and server not in servers())
    assert await chatter(child) == 7


async def test_an_order_to_a_server_that_ended_goes_to_the_next(child: Child) -> None:
    os.kill(await server_of(child), signal.SIGKILL)

    assert await chatter(child) == 7


async def test_a_server_that_hangs_is_replaced(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await server_of(child)
    os.kill(server, signal.SIGSTOP)
    monkeypatch.setattr(forked_child, "_START_PATIENCE_S", 0.2)

    with pytest.raises(MediaInterrupted, match="does not answer"):
        await chatter(child)

    monkeypatch.undo()
    await wait_until(lambda: server not in servers())
    assert await chatter(child) == 7


async def test_a_child_of_a_server_that_hangs_is_ended(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forked_child, "_END_PATIENCE_S", 0.2)
    server = await server_of(child)
    work = hang(child, tmp_path / "note")
    await wait_until((tmp_path / "note").exists)
    os.kill(server, signal.SIGSTOP)

    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    await wait_until(lambda: not children() and server not in servers())
