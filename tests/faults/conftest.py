"""Servers that are killed, and what is to survive it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg2
import pytest

from db.pool import open_database
from events.upkeep.pairing import pair
from storage.paths import StoragePaths
from storage.samples import write_clock_mp4
from tests.faults.kills.killing import Killer, Place, killing_program
from tests.harness.running import ROOT, SECRET, free_port, wait_for

TIMEOUT_S = 15.0


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
        # What was killed counts as unfinished until its reservation expires.
        "COURSESTREAM_UPLOADS_PER_USER": "1000",
        "COURSESTREAM_WEBHOOK_PRIVATE": "on",
        "COURSESTREAM_REPORT_RATE_LIMIT": "1000000/second",
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


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with killing_program() as process:
        yield Killer(process)


@pytest.fixture
async def place(dsn: str, tmp_path: Path, killer: Killer) -> AsyncIterator[Place]:
    storage = await asyncio.to_thread(StoragePaths, tmp_path)
    async with open_database(dsn, size=2) as database:
        async with database.transaction() as transaction:
            await transaction.execute("INSERT INTO courses (id, title) VALUES ('c1', 'One')")
            await transaction.execute("INSERT INTO modules VALUES ('m1', 'c1', 'M', 0)")
        storage = await pair(database, storage)
        yield Place(dsn, database, storage, killer)
