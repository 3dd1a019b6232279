"""The ledger of a running service: to the byte what its clients were sent, whatever they do."""

import asyncio
import socket
import struct
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from db.pool import open_database
from events.upkeep import ledger as ledger_module
from handlers import keys
from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET, Answer, Service, StartService, furnish
from tests.handlers.support.outage import no_database
from tests.handlers.support.playing import enrolled
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_S = 10.0
SETTLED_S = 0.3  # nothing came for so long: the socket's buffers are full, and acknowledged
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def quick_ledger() -> Any:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger_module, "INTERVAL_S", 0.05)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(quick_ledger: None, start_shared_service: StartService) -> Service:
    service: Service = await start_shared_service()
    await furnish(service)
    return service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video(service: Service, mp4: Path) -> Any:
    return await service.ready_video(mp4)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def long_video(service: Service, large_mp4: Path) -> Any:
    return await service.ready_video(large_mp4)


def path_of(video: Any, what: str = "stream") -> str:
    return f"/api/v1/videos/{video['id']}/{what}"


async def served(service: Service, who: str) -> dict[str, int]:
    """Purpose -> bytes, as written."""
    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT purpose, sum(bytes)::bigint AS bytes FROM bytes_served WHERE user_id = %s"
        " GROUP BY purpose",
        (who,),
    )
    return {row.purpose: row.bytes for row in rows}


async def becomes(service: Service, who: str, expected: dict[str, int]) -> None:
    await wait_until(
        lambda: served(service, who), lambda found: found == expected, within_s=PATIENCE_S
    )


@pytest.mark.parametrize(
    ("method", "what", "headers", "status"),
    [
        pytest.param("GET", "stream", {}, 200, id="whole"),
        pytest.param("GET", "stream", {"Range": "bytes=0-0"}, 206, id="one byte"),
        pytest.param("GET", "stream", {"Range": "bytes=5-1004"}, 206, id="range"),
        pytest.param("GET", "stream", {"Range": "bytes=0-9,100-199,-5"}, 206, id="several"),
        pytest.param("GET", "download", {}, 200, id="download"),
        pytest.param("GET", "thumbnails/small", {}, 200, id="thumbnail"),
    ],
)
async def test_a_body_is_counted_as_its_content_length_says(
    service: Service, video: Any, method: str, what: str, headers: dict[str, str], status: int
) -> None:
    who = await enrolled(service, f"reader-{abs(hash((what, str(headers))))}")
    answer = await service.ask(who, method, path_of(video, what), headers=headers)

    assert answer.status == status
    assert len(answer.body) == int(answer.headers["Content-Length"])
    purpose = what.partition("s/")[0]
    await becomes(service, who, {purpose: len(answer.body)})


async def test_what_has_no_body_is_not_counted(service: Service, video: Any) -> None:
    who = await enrolled(service, "asker")
    first = await service.ask(who, "HEAD", path_of(video))
    said = [
        first.status,
        (await conditional(service, who, video, {"If-None-Match": first.headers["ETag"]})).status,
        (await conditional(service, who, video, {"Range": "bytes=999999999-"})).status,
        (await conditional(service, who, video, {"If-Match": '"other"'})).status,
        (await conditional(service, who, video, {"Range": "bytes=0-9"})).status,
    ]

    assert said == [200, 304, 416, 412, 206]
    await becomes(service, who, {"stream": 10})


async def conditional(service: Service, who: str, video: Any, headers: dict[str, str]) -> Answer:
    return await service.ask(who, "GET", path_of(video), headers=headers)


async def test_a_row_tells_day_course_video_user_and_purpose(service: Service, video: Any) -> None:
    who = await enrolled(service, "granted")
    playback = (await service.ask(who, "POST", f"videos/{video['id']}/playback", {})).json
    for url in (playback["stream_url"], playback["stream_url"], playback["thumbnails"]["small"]):
        await service.ask(None, "GET", url, headers={"Range": "bytes=0-99"})
    await becomes(service, who, {"stream": 200, "thumbnail": 100})

    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT *, (now() AT TIME ZONE 'UTC')::date - day AS age FROM bytes_served"
        " WHERE user_id = %s ORDER BY purpose",
        (who,),
    )
    told = [(row.course_id, str(row.video_id), row.purpose, row.bytes, row.age) for row in rows]
    assert told == [
        ("c1", video["id"], "stream", 200, 0),
        ("c1", video["id"], "thumbnail", 100, 0),
    ]


@dataclass
class Reader:
    """A client that reads when the test wants it to, and counts what reached its machine."""

    socket: socket.socket
    read_bytes: int = 0

    async def read(self, size_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        while self.read_bytes < size_bytes:
            self.read_bytes += len(await loop.sock_recv(self.socket, 2**16))

    async def arrived_bytes(self) -> int:
        """Returns the body's bytes that arrived, once nothing more comes."""
        last, since_s = -1, 0.0
        async with asyncio.timeout(PATIENCE_S):
            while since_s < SETTLED_S:
                now = self.read_bytes + self._unread_bytes()
                since_s = since_s + 0.02 if now == last else 0.0
                last = now
                await asyncio.sleep(0.02)
        return last

    def vanish(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.socket.close()

    def _unread_bytes(self) -> int:
        answer = array("i", [0])
        ioctl(self.socket, FIONREAD, answer)
        return answer[0]


@asynccontextmanager
async def reading(
    service: Service, path: str, who: str, size_bytes: int | None = None
) -> AsyncIterator[Reader]:
    """A transfer that has begun; its head has been read. With a size it is that of a range, and
    hardly any of it fits into the client's buffer."""
    loop, parts = asyncio.get_running_loop(), urlsplit(service.url)
    with socket.socket() as client:
        client.setblocking(False)
        if size_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await loop.sock_connect(client, (parts.hostname, parts.port))
        token = mint_token(SECRET, who)
        asked = "" if size_bytes is None else f"Range: bytes=0-{size_bytes - 1}\r\n"
        fields = f"Host: x\r\nAuthorization: Bearer {token}\r\n{asked}"
        lines = f"GET {path} HTTP/1.1\r\n{fields}\r\n"
        await loop.sock_sendall(client, lines.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(client, 1)
        assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 206 ")), head
        yield Reader(client)


@pytest.mark.parametrize("read_bytes", [0, 3 * 2**20], ids=["at once", "in the middle"])
async def test_a_client_that_vanishes_is_counted_what_reached_it(
    service: Service, long_video: Any, read_bytes: int
) -> None:
    who = await enrolled(service, f"vanisher-{read_bytes}")
    async with reading(service, path_of(long_video), who) as reader:
        await reader.read(read_bytes)
        arrived_bytes = await reader.arrived_bytes()
        reader.vanish()

    assert read_bytes < arrived_bytes < long_video["size"]
    await becomes(service, who, {"stream": arrived_bytes})


@pytest.mark.parametrize("earlier", [0, 3], ids=["the full way", "repeated"])
async def test_a_client_that_refuses_what_the_kernel_has_is_not_counted_that(
    service: Service, long_video: Any, earlier: int
) -> None:
    """All of it left at once for the kernel's buffer, so that for us the transfer was over."""
    who, size_bytes = await enrolled(service, f"refuser-{earlier}"), 40_000
    for _ in range(earlier):
        async with reading(service, path_of(long_video), who, size_bytes) as reader:
            await reader.read(size_bytes)
    by_shortcut = service.app[keys.RANGE_SHORTCUT].answered.total()
    async with reading(service, path_of(long_video), who, size_bytes) as reader:
        arrived_bytes = await reader.arrived_bytes()
        assert len(service.app[keys.TRANSFERS]) == 0, "it is over"
        assert (service.app[keys.RANGE_SHORTCUT].answered.total() > by_shortcut) is bool(earlier)
        reader.vanish()

    assert arrived_bytes < size_bytes
    await becomes(service, who, {"stream": earlier * size_bytes + arrived_bytes})


async def test_a_long_transfer_is_counted_while_it_runs(service: Service, long_video: Any) -> None:
    who = await enrolled(service, "patient")
    async with reading(service, path_of(long_video), who) as reader:
        seen = [await until_more(service, who, 0)]
        for _ in range(2):
            await reader.read(seen[-1])
            seen.append(await until_more(service, who, seen[-1]))
        await reader.read(long_video["size"])

    assert seen[-1] < long_video["size"]
    await becomes(service, who, {"stream": long_video["size"]})


async def until_more(service: Service, who: str, than_bytes: int) -> int:
    found = await wait_until(
        lambda: served(service, who),
        lambda seen: seen.get("stream", 0) > than_bytes,
        within_s=PATIENCE_S,
    )
    return found["stream"]


async def test_a_transfer_that_a_withdrawal_ends_is_counted_what_left(
    service: Service, long_video: Any
) -> None:
    who = await enrolled(service, "withdrawn")
    async with reading(service, path_of(long_video), who) as reader:
        arrived_bytes = await reader.arrived_bytes()
        await service.ask("tess", "DELETE", f"courses/c1/enrollments/{who}")
        await becomes(service, who, {"stream": arrived_bytes})


async def test_processes_add_to_the_same_row(
    service: Service, video: Any, start_shared_service: StartService
) -> None:
    who = await enrolled(service, "everywhere")
    playback = (await service.ask(who, "POST", f"videos/{video['id']}/playback", {})).json
    other = await start_shared_service(STORAGE_PATH=str(service.config.storage_path))
    for _ in range(3):
        for one in (service, other):
            part = await one.ask(
                None, "GET", playback["stream_url"], headers={"Range": "bytes=0-9"}
            )
            assert part.status == 206

    await becomes(service, who, {"stream": 60})
    (rows,) = await service.app[keys.DATABASE].fetch_all(
        "SELECT count(*) AS n FROM bytes_served WHERE user_id = %s", (who,)
    )
    assert rows.n == 1


async def test_all_rows_together_are_what_metrics_tell(service: Service, video: Any) -> None:
    """The last of those on the shared service; the other process sent thirty bytes."""
    await service.ask("tess", "GET", path_of(video))
    sent = {
        purpose: service.app[keys.TRANSFERS].sent_bytes(purpose)
        for purpose in ("stream", "download", "thumbnail")
    }

    async def written() -> dict[str, int]:
        rows = await service.app[keys.DATABASE].fetch_all(
            "SELECT purpose, sum(bytes)::bigint AS bytes FROM bytes_served GROUP BY purpose"
        )
        return {row.purpose: row.bytes for row in rows}

    await wait_until(
        written,
        lambda seen: seen == {**sent, "stream": sent["stream"] + 30},
        within_s=PATIENCE_S,
    )
    metrics = (await service.ask("svc", "GET", "/metrics")).body.decode()
    assert "coursestream_ledger_accounts_waiting 0.0" in metrics
    assert "coursestream_ledger_write_failures_total 0.0" in metrics
    assert "coursestream_ledger_lost_bytes_total 0.0" in metrics


@pytest.mark.asyncio(loop_scope="function")
class TestOnADatabaseOfItsOwn:
    @pytest.fixture
    async def own(self, start_service: StartService) -> Service:
        service: Service = await start_service()
        await furnish(service)
        return service

    async def test_stopping_writes_what_is_left(
        self, own: Service, dsn: str, large_mp4: Path
    ) -> None:
        """INTERVAL_S is as it is: nothing else writes so soon."""
        long_video = await own.ready_video(large_mp4)
        who = await enrolled(own, "last")
        async with reading(own, path_of(long_video), who) as reader:
            arrived_bytes = await reader.arrived_bytes()
            await own.ask(who, "GET", path_of(long_video), headers={"Range": "bytes=0-99"})
            await own.app[keys.TRANSFERS].drain(0)
            await own.server.close()

        async with open_database(dsn, 1) as database:
            (row,) = await database.fetch_all("SELECT sum(bytes)::bigint AS n FROM bytes_served")
        assert row.n == arrived_bytes + 100

    async def test_database_that_was_away_gets_what_was_served_meanwhile(
        self, quick_ledger: None, own: Service, mp4: Path, cluster: Any, dsn: str
    ) -> None:
        video = await own.ready_video(mp4)
        who = await enrolled(own, "faithful")
        playback = (await own.ask(who, "POST", f"videos/{video['id']}/playback", {})).json
        async with no_database(cluster, dsn):
            for start in range(10):
                headers = {"Range": f"bytes={start}-{start + 99}"}
                answer = await own.ask(None, "GET", playback["stream_url"], headers=headers)
                assert answer.status == 206

        await becomes(own, who, {"stream": 1000})

    async def test_rows_outlive_their_video(
        self, quick_ledger: None, own: Service, mp4: Path
    ) -> None:
        video = await own.ready_video(mp4)
        who = await enrolled(own, "nostalgic")
        await own.ask(who, "GET", path_of(video), headers={"Range": "bytes=0-9"})
        await becomes(own, who, {"stream": 10})
        async with own.app[keys.DATABASE].transaction() as transaction:
            await transaction.execute("DELETE FROM videos WHERE id = %s", (video["id"],))

        assert await served(own, who) == {"stream": 10}
