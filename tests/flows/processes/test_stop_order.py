"""The end of `serve`, watched step by step: who hears what, and who is gone before whom."""

import asyncio
import json
import signal
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from server.postgres.embedded import EmbeddedPostgres
from tests.harness.running import STOP_TIMEOUT_S
from tests.harness.serving import (
    Serve,
    call,
    is_alive,
    read_slowly,
    ready_video,
    slow_transfer,
    until_silent,
)
from tests.harness.waiting import wait_until
from tests.harness.wire import Wire, connected
from tests.service.listening import listening


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_every_step_of_the_end_comes_in_its_turn(
    serve: Serve, large_mp4: Path, workers: str
) -> None:
    serve.settings |= {"WORKERS": workers}
    await asyncio.to_thread(serve.start)
    video = await ready_video(serve, large_mp4)
    media, web = await serve.workers(), await serve.web_processes()
    postmaster = await asyncio.to_thread(serve.cluster.server_pid)
    assert postmaster is not None
    assert len(web) == (0 if workers == "1" else 2)  # one is `serve` itself
    async with serve.client("ada") as student:
        playback = await call(student, "POST", f"/api/v1/videos/{video['id']}/playback", json={})
        async with (
            slow_transfer(serve, playback["stream_url"]) as reader,
            listening(student) as stream,
            connected(serve.url) as probe,
            connected(serve.url) as player,
        ):
            assert (await probe.ask("GET /readyz HTTP/1.1", "Host: x")).status == 200
            assert (await player.ask("GET /healthz HTTP/1.1", "Host: x")).status == 200
            body = await begin_report(player, playback, video)

            serve.process.send_signal(signal.SIGTERM)

            await answers_503(probe)
            await until_silent(serve, "/healthz")
            await stream.until_end()
            assert len(stream.retries_ms) == 2
            assert await probe.rest() == b""  # idle now, and closed
            player.writer.write(body[10:])  # what had begun is taken to its end
            assert (await player.answer("POST")).status == 200
            assert all(map(is_alive, {serve.process.pid, postmaster, *media}))
            assert await read_slowly(reader, video["size"]) == video["sha256"]

    ended = await asyncio.to_thread(order_of_ends, {"web": web, "media": media}, postmaster)
    assert ended == ["web", "media", "postgres"]
    assert await asyncio.to_thread(serve.process.wait, STOP_TIMEOUT_S) == 0
    assert problems(serve.log()) == []
    await asyncio.to_thread(serve.start)
    async with serve.client("ada") as student:
        kept = await call(student, "GET", f"/api/v1/videos/{video['id']}/progress")
    assert kept["position"] == 1.25  # the persister was drained
    assert await asyncio.to_thread(bytes_served, serve, "ada") == video["size"]  # and the ledger


def bytes_served(serve: Serve, user_id: str) -> int | None:
    dsn = EmbeddedPostgres(serve.data_dir).dsn
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT sum(bytes)::bigint FROM bytes_served WHERE user_id = %s", (user_id,))
        found: int | None = cursor.fetchone()[0]
        return found


async def begin_report(player: Wire, playback: Any, video: Any) -> bytes:
    """Sends a report but for the end of its body, which is returned whole."""
    report = {
        "session_id": playback["session_id"],
        "sequence": playback["next_sequence"],
        "position": 1.25,
        "watched": [[0, 1.25]],
        "event": "progress",
    }
    body = json.dumps(report).encode()
    await player.send(
        f"POST /play/{playback['grant']}/{video['id']}/progress HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        body=body[:10],
    )
    return body


async def answers_503(probe: Wire) -> None:
    """A connection that was open before hears that the server is stopping."""
    answer = await wait_until(
        lambda: probe.ask("GET /readyz HTTP/1.1", "Host: x"), lambda seen: seen.status != 200
    )
    assert answer.status == 503
    assert json.loads(answer.body)["checks"]["server"] == "stopping"


def order_of_ends(groups: dict[str, set[int]], postmaster: int) -> list[str]:
    """The names of the groups in the order in which their last process ended."""
    left = {**groups, "postgres": {postmaster}}
    ended: list[str] = []
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while left and time.monotonic() < deadline:
        for name in [name for name, pids in left.items() if not any(map(is_alive, pids))]:
            ended.append(name)
            del left[name]
        time.sleep(0.002)
    return ended


def problems(log: str) -> list[str]:
    """Lines of the log that an operator would have to look at."""
    lines = [line for line in log.splitlines() if line.startswith("{")]
    return [line for line in lines if json.loads(line)["level"] in ("warning", "error", "critical")]
