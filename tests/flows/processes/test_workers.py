"""Several web processes on one port behave as one, and one that dies takes nothing along."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.handlers.uploads.tusing import VERSION, metadata, patching, send
from tests.harness.running import STOP_TIMEOUT_S
from tests.harness.serving import (
    Serve,
    call,
    read_slowly,
    ready_video,
    report,
    served_from,
    slow_transfer,
    status_of,
    until_gone,
    until_silent,
)
from tests.harness.waiting import wait_until
from tests.harness.wire import connected
from tests.service.listening import listening
from tests.service.process_costs import metrics_of

HEARD_WITHIN_S = 5.0  # the contract's
TAKEN_OVER_WITHIN_S = 2.0  # as well
TRUE_WITHIN_S = 15.0


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, made_cluster: Path) -> Iterator[Serve]:
    """A running `serve` with two web processes, and more connections than PostgreSQL's default."""
    settings = {"WORKERS": "2", "DATABASE_POOL_SIZE": "60"}
    with served_from(tmp_path_factory.mktemp("pair"), made_cluster, **settings) as served:
        served.start()
        yield served


@pytest.fixture(scope="module")
def video(pair: Serve, large_mp4: Path) -> Any:
    return asyncio.run(ready_video(pair, large_mp4))


@pytest.fixture
async def both(pair: Serve) -> tuple[int, int]:
    first, second = await two_processes(pair)
    return first, second


async def two_processes(serve: Serve) -> list[int]:
    return sorted(await wait_until(serve.web_processes, lambda seen: len(seen) == 2, within_s=20))


async def enroll(serve: Serve, user_id: str, role: str | None) -> None:
    path = f"/api/v1/courses/c1/enrollments/{user_id}"
    async with serve.client("root", "admin") as admin:
        if role is None:
            assert (await admin.delete(path)).status == 204
        else:
            await call(admin, "PUT", path, json={"role": role})


async def playback_of(session: aiohttp.ClientSession, video: Any) -> Any:
    return await call(session, "POST", f"/api/v1/videos/{video['id']}/playback", json={})


async def test_what_one_receives_the_other_shows(
    pair: Serve, video: Any, both: tuple[int, int]
) -> None:
    async with (
        pair.client("ada") as hearer,
        pair.client("ada") as teller,
        AsyncExitStack() as open_,
    ):
        with pair.answered_by(both[0], set(both)):
            stream = await open_.enter_async_context(listening(hearer))
        with pair.answered_by(both[1], set(both)):
            playback = await playback_of(teller, video)
            await report(teller, playback, video, 1.25)
        async with asyncio.timeout(HEARD_WITHIN_S):
            await stream.until_type("playback.progress")
        with pair.answered_by(both[0], set(both)):
            async with pair.client("ada") as elsewhere:
                kept = await call(elsewhere, "GET", f"/api/v1/videos/{video['id']}/progress")
    assert kept["position"] == 1.25


async def test_a_withdrawal_in_one_ends_transfers_and_grants_in_the_other(
    pair: Serve, video: Any, both: tuple[int, int]
) -> None:
    await enroll(pair, "bob", "student")
    async with pair.client("bob") as student, AsyncExitStack() as open_:
        playback = await playback_of(student, video)
        with pair.answered_by(both[0], set(both)):
            path = playback["stream_url"]
            reader = await open_.enter_async_context(slow_transfer(pair, path))
        with pair.answered_by(both[1], set(both)):
            await enroll(pair, "bob", None)
        async with asyncio.timeout(HEARD_WITHIN_S):
            assert await count_to_end(reader) < video["size"]
        with pair.answered_by(both[0], set(both)):
            assert await status_of(pair, path) == 403


async def test_a_deletion_in_one_ends_transfers_and_grants_in_the_other(
    pair: Serve, video: Any, both: tuple[int, int]
) -> None:
    path = f"/api/v1/videos/{video['id']}"
    async with (
        pair.client("ada") as student,
        pair.client("root", "admin") as admin,
        AsyncExitStack() as open_,
    ):
        url = (await playback_of(student, video))["stream_url"]
        with pair.answered_by(both[0], set(both)):
            reader = await open_.enter_async_context(slow_transfer(pair, url))
        with pair.answered_by(both[1], set(both)):
            assert (await admin.delete(path)).status == 204
        async with asyncio.timeout(HEARD_WITHIN_S):
            assert await count_to_end(reader) < video["size"]
        with pair.answered_by(both[0], set(both)):
            assert await status_of(pair, url) == 403
        await call(admin, "POST", f"{path}/restore")
        await wait_until(
            lambda: status_of(pair, url), lambda seen: seen == 200, within_s=HEARD_WITHIN_S
        )


async def count_to_end(reader: asyncio.StreamReader) -> int:
    """Counts the bytes that came before the server ended the response."""
    count = 0
    try:
        while chunk := await reader.read(2**16):
            count += len(chunk)
            await asyncio.sleep(0.02)
    except ConnectionResetError:
        pass
    return count


async def test_a_newer_request_in_one_ends_an_upload_in_the_other(
    pair: Serve, video: Any, both: tuple[int, int]
) -> None:
    token = pair.token("root", "admin")
    async with AsyncExitStack() as open_:
        admin = await open_.enter_async_context(pair.client("root", "admin"))
        location = await create_upload(admin, 2**30)
        with pair.answered_by(both[0], set(both)):
            upload = patching(pair.url, token, location, 0, 2**30)
            wire = await open_.enter_async_context(upload)
            await send(wire, bytes(12345))
            await until_begun(pair, location)
        with pair.answered_by(both[1], set(both)):
            other = await open_.enter_async_context(connected(pair.url))
            assert (await other.ask("GET /healthz HTTP/1.1", "Host: x")).status == 200
        async with asyncio.timeout(TAKEN_OVER_WITHIN_S):
            asked = [f"HEAD {location} HTTP/1.1", "Host: x", f"Authorization: Bearer {token}"]
            answer = await other.ask(*asked, "Tus-Resumable: 1.0.0")
        assert (answer.status, answer.headers["Upload-Offset"]) == (200, "12345")
        assert (await wire.answer()).status == 423


async def create_upload(session: aiohttp.ClientSession, length: int) -> str:
    headers = {"Upload-Length": str(length), "Upload-Metadata": metadata(), **VERSION}
    async with session.post("/api/v1/uploads", headers=headers) as response:
        assert response.status == 201, await response.text()
        return response.headers["Location"]


async def until_begun(pair: Serve, location: str) -> None:
    path = pair.data_dir / "storage" / "tmp" / f"{location.rpartition('/')[2]}.part"
    await wait_until(path.exists, within_s=10)


async def test_their_metrics_add_up(pair: Serve, both: tuple[int, int]) -> None:
    for pid in both:
        with pair.answered_by(pid, set(both)):
            async with (
                pair.client("root", "admin") as session,
                session.get("/api/v1/courses/nowhere-to-be-found") as response,
            ):
                assert response.status == 404

    async def missed() -> float:
        metrics = await metrics_of(pair)
        (name,) = (
            name
            for name in metrics
            if "http_requests_total{" in name
            and 'status="404"' in name
            and "courses/{course_id}" in name
        )
        return metrics[name]

    await wait_until(missed, lambda count: count == 2, within_s=TRUE_WITHIN_S)


async def test_what_is_open_is_counted_truly_soon_after_a_process_was_killed(
    pair: Serve, video: Any, both: tuple[int, int]
) -> None:
    async with pair.client("ada") as student, AsyncExitStack() as open_:
        path = (await playback_of(student, video))["stream_url"]
        for pid in both:
            with pair.answered_by(pid, set(both)):
                await open_.enter_async_context(slow_transfer(pair, path))
                own = await open_.enter_async_context(pair.client("ada"))
                await open_.enter_async_context(listening(own))
        await until_told(pair, transfers=2, streams=2)
        os.kill(both[0], signal.SIGKILL)
        await until_told(pair, transfers=1, streams=1)


async def until_told(pair: Serve, *, transfers: int, streams: int) -> None:
    """Of all processes together, by whichever one is asked."""
    wanted = {
        'coursestream_transfers_running{purpose="stream"}': transfers,
        "coursestream_event_subscribers": streams,
    }

    async def told() -> dict[str, float]:
        metrics = await metrics_of(pair)
        return {name: metrics.get(name, -1) for name in wanted}

    await wait_until(told, lambda seen: seen == wanted, within_s=TRUE_WITHIN_S)


async def test_one_killed_by_kill_9_is_replaced_and_costs_only_its_own_connections(
    pair: Serve, video: Any, both: tuple[int, int]
) -> None:
    async with pair.client("ada") as student, AsyncExitStack() as open_:
        path = (await playback_of(student, video))["stream_url"]
        with pair.answered_by(both[0], set(both)):
            lost = await open_.enter_async_context(slow_transfer(pair, path))
        with pair.answered_by(both[1], set(both)):
            kept = await open_.enter_async_context(slow_transfer(pair, path))
        os.kill(both[0], signal.SIGKILL)
        assert await status_of(pair, "/readyz") == 200
        assert await count_to_end(lost) < video["size"]
        assert await read_slowly(kept, video["size"]) == video["sha256"]
        await until_gone({both[0]})
        (new,) = set(await two_processes(pair)) - set(both)
        with pair.answered_by(new, {new, both[1]}):
            assert await status_of(pair, "/readyz") == 200


async def test_all_of_them_killed_are_replaced_and_nobody_is_refused(
    pair: Serve, both: tuple[int, int]
) -> None:
    arbiter = await pair.web_arbiter()
    os.kill(arbiter, signal.SIGKILL)
    await until_gone({arbiter, *both})  # they die with it
    assert await status_of(pair, "/readyz") == 200  # the listener waits for who comes next
    assert not set(both) & set(await two_processes(pair))


async def test_a_second_ctrl_c_waits_for_none_of_them(pair: Serve, video: Any) -> None:
    """Stops the `serve` of this module: the last of its tests."""
    children = {*await two_processes(pair), *await pair.workers(), await pair.web_arbiter()}
    async with pair.client("ada") as student:
        path = (await playback_of(student, video))["stream_url"]
    async with slow_transfer(pair, path):
        pair.process.send_signal(signal.SIGINT)
        await until_silent(pair, "/readyz")
        pair.process.send_signal(signal.SIGINT)
        assert await asyncio.to_thread(pair.process.wait, 10) == 0
    await until_gone(children)
    assert await pair.database() == set()


async def test_children_die_with_a_killed_serve(serve: Serve) -> None:
    serve.settings |= {"WORKERS": "2"}
    await asyncio.to_thread(serve.start)
    children = {*await two_processes(serve), *await serve.workers(), await serve.web_arbiter()}
    assert len(children) == 4
    serve.process.kill()
    await asyncio.to_thread(serve.process.wait)
    await until_gone(children)

    await asyncio.to_thread(serve.start)  # the port is free again
    assert await status_of(serve, "/readyz") == 200
    serve.process.terminate()
    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0
