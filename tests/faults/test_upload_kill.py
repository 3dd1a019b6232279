"""kill -9 of the web process between every two steps of an upload: afterwards the video is complete
or absent, and what was half-done is gone with the next start."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import psycopg2
import pytest

from server.tokens import mint_token
from storage.samples import write_clock_mp4
from tests.running import ROOT, SECRET, free_port, wait_for

IS_FULL = os.environ.get("FULL") == "1"
RANDOM_ROUNDS = 60 if IS_FULL else 3
TIMEOUT_S = 15.0
BEFORE = (
    b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n',
    b"\r\n--a--\r\n",
)

# In order: where the process dies, and whether the video is there afterwards.
STEPS = [
    ("db.space:reserve:before", "absent"),
    ("db.space:reserve:after", "absent"),
    ("storage.uploads:_open_held:after", "absent"),
    ("storage.uploads:UploadFile.append:after", "absent"),
    ("storage.uploads:UploadFile.append:after#2", "absent"),
    ("storage.uploads:UploadFile._write_all:after", "absent"),
    ("storage.uploads:UploadFile.finish:before", "absent"),
    ("storage.uploads:UploadFile.finish:after", "absent"),
    ("handlers.entering:_sniffed:after", "absent"),
    ("handlers.uploads:judge:after", "absent"),
    ("handlers.uploads:publish_original:before", "absent"),
    ("storage.videos:_fsync_own_file:after", "absent"),
    ("storage.videos:_make_video_dir:after", "absent"),
    ("storage.videos:os.replace:after", "stray"),
    ("handlers.uploads:publish_original:after", "stray"),
    ("db.videos:insert:before", "stray"),
    ("db.videos:insert:after", "stray"),
    ("db.jobs:defer:after", "stray"),
    ("db.space:release:after", "stray"),
    ("events.log:append:before", "stray"),
    ("events.log:append:after", "stray"),
    ("events.pipeline:enter:after", "complete"),
    ("storage.uploads:_discard:before", "complete"),
    ("storage.uploads:_discard:after", "complete"),
    ("handlers.uploads:answer_json:before", "complete"),
    ("handlers.uploads:answer_json:after", "complete"),
]


@dataclass
class Killed:
    """Servers over one database and one storage, started one after the other."""

    program: Any
    port: int
    dsn: str
    storage: Path
    output: Path
    pid: int = 0

    def start(self, step: str = "-") -> None:
        """A server that dies at `step`; returns once it listens."""
        told_before = self._told()
        self.program.stdin.write(f"{step} {self.output}\n")
        self.program.stdin.flush()
        self.pid = int(self.program.stdout.readline())

        def is_listening() -> bool:
            assert not self.is_dead(), self.output.read_text()[-2000:]
            return self._told() > told_before

        wait_for(is_listening, "the address", TIMEOUT_S)

    def _told(self) -> int:
        return self.output.read_text().count("listens on") if self.output.exists() else 0

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)  # its parent keeps the id from being given to others
        self.wait_until_dead()

    def wait_until_dead(self) -> None:
        wait_for(self.is_dead, "its end", TIMEOUT_S)

    def is_dead(self) -> bool:
        state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state == "Z"

    def rows(self, sql: str) -> list[Any]:
        with closing(psycopg2.connect(self.dsn)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def originals(self) -> dict[str, Path]:
        return {path.parent.name: path for path in self.storage.glob("courses/*/*/original.mp4")}

    def unfinished(self) -> list[Path]:
        return list((self.storage / "tmp").iterdir())


@pytest.fixture
def servers(dsn: str, tmp_path: Path) -> Iterator[Killed]:
    port = free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "COURSESTREAM_DATABASE_URL": url_of(dsn),
        "COURSESTREAM_DATABASE_POOL_SIZE": "3",
        "COURSESTREAM_DATA_DIR": str(tmp_path / "data"),
        "COURSESTREAM_JWT_SECRET": SECRET,
        "COURSESTREAM_PORT": str(port),
        "COURSESTREAM_MEDIA_WORKERS": "0",
        "COURSESTREAM_STORAGE_QUOTA": "1GiB",
        "COURSESTREAM_STORAGE_RESERVE": "0",
    }
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("killed_server.py"))],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    killed = Killed(program, port, dsn, tmp_path / "data" / "storage", tmp_path / "output")
    furnish(dsn)
    try:
        yield killed
    finally:
        if killed.pid:
            killed.kill()
        program.communicate()


def url_of(dsn: str) -> str:
    parameters = dict(psycopg2.extensions.parse_dsn(dsn))
    user, name = parameters.pop("user"), parameters.pop("dbname")
    return f"postgresql://{user}@/{name}?{urlencode(parameters)}"


def furnish(dsn: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO courses (id, title) VALUES ('c1', 'One');"
            "INSERT INTO modules (id, course_id, title, position) VALUES ('m1', 'c1', 'M', 0)"
        )


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Some seconds, padded past one batch of writing by a box of nothing."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_clock_mp4(path, 1)
    filler = 2**20 + 2**18
    return path.read_bytes() + filler.to_bytes(4, "big") + b"free" + bytes(filler - 8)


async def upload(servers: Killed, film: bytes) -> int | None:
    """The status of the answer; None when the server died over it."""
    headers = {
        "Authorization": f"Bearer {mint_token(SECRET, 'root', roles=('admin',))}",
        "Content-Type": "multipart/form-data; boundary=a",
    }
    url = f"http://127.0.0.1:{servers.port}/api/v1/modules/m1/videos"
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    with suppress(aiohttp.ClientConnectionError, ConnectionError):
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout) as session,
            session.post(url, data=BytesIO(BEFORE[0] + film + BEFORE[1])) as response,
        ):
            return response.status
    return None


def check_truth(servers: Killed, film: bytes) -> tuple[int, int]:
    """(complete videos, stray files) after a start; anything in between is a fault."""
    ids = {str(row[0]) for row in servers.rows("SELECT id FROM videos")}
    stored = servers.originals()
    assert ids <= stored.keys(), "a row without its file"
    assert all(path.read_bytes() == film for path in stored.values()), "half a file"
    assert servers.unfinished() == [], "a temporary file outlived the start"
    jobs = {row[0] for row in servers.rows("SELECT args->>'video_id' FROM procrastinate_jobs")}
    assert jobs == ids, "a job without a video, or the other way round"
    told = {
        str(row[0])
        for row in servers.rows("SELECT video_id FROM event_log WHERE type = 'video.uploaded'")
    }
    assert told == ids, "an event without a video, or the other way round"
    return len(ids), len(stored.keys() - ids)


async def test_killed_at_any_step_the_video_is_complete_or_absent(
    servers: Killed, film: bytes
) -> None:
    """Each start is also the restart after the step before."""
    complete = stray = 0
    for step, outcome in STEPS:
        await asyncio.to_thread(servers.start, step)
        assert await asyncio.to_thread(check_truth, servers, film) == (complete, stray), step

        assert await upload(servers, film) is None, f"it did not die at {step}"

        await asyncio.to_thread(servers.wait_until_dead)
        complete += outcome == "complete"
        stray += outcome == "stray"
    await asyncio.to_thread(servers.start)
    assert await asyncio.to_thread(check_truth, servers, film) == (complete, stray)
    assert await upload(servers, film) == 201
    assert (await asyncio.to_thread(check_truth, servers, film))[0] == complete + 1


async def test_killed_at_any_moment_the_video_is_complete_or_absent(
    servers: Killed, film: bytes
) -> None:
    """Where no step has a name; what was answered 201 is there for ever."""
    chance, acknowledged = random.Random(20261122), 0
    for _ in range(RANDOM_ROUNDS):
        await asyncio.to_thread(servers.start)
        uploads = [asyncio.create_task(upload(servers, film)) for _ in range(3)]
        await asyncio.wait(uploads, timeout=chance.uniform(0.02, 0.8))
        await asyncio.to_thread(servers.kill)
        acknowledged += [await one for one in uploads].count(201)

    await asyncio.to_thread(servers.start)
    complete, _ = await asyncio.to_thread(check_truth, servers, film)
    assert complete >= acknowledged


async def test_room_of_a_killed_process_is_given_back_when_it_expires(
    servers: Killed, film: bytes
) -> None:
    await asyncio.to_thread(servers.start, "storage.uploads:UploadFile.finish:before")
    assert await upload(servers, film) is None
    await asyncio.to_thread(servers.wait_until_dead)
    count = "SELECT count(*) FROM space_reservations"
    assert await asyncio.to_thread(servers.rows, count) == [(1,)]
    expire = "UPDATE space_reservations SET expires_at = now() - interval '1 s'"
    with closing(psycopg2.connect(servers.dsn)) as connection, connection:
        connection.cursor().execute(expire)

    await asyncio.to_thread(servers.start)
    assert await upload(servers, film) == 201

    assert await asyncio.to_thread(servers.rows, count) == [(0,)]
