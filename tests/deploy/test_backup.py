"""docs/backup.md: its commands, as they stand there, save and bring back a whole service."""

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from storage.samples import write_clock_webm
from tests.deploy.conftest import admin, fast_directory, program, upload
from tests.flows.processes.test_external_database import database_url  # noqa: F401 - a fixture
from tests.harness.running import ROOT, free_port, start, stop, wait_for
from tests.harness.waiting import wait_until

TEXT = (ROOT / "docs" / "backup.md").read_text()
BLOCK = re.compile(r"^ *<!-- ([a-z-]+) -->\n *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
BLOCKS = {name: textwrap.dedent(commands) for name, commands in BLOCK.findall(TEXT)}
START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Installation:
    """A data directory, where it is saved to, and the commands of the page for both."""

    data_dir: Path
    backup: Path
    output: Path

    def run(self, *names: str, **environ: str) -> str:
        """Runs the named blocks in one shell after the page's first lines; returns their output."""
        script = "\n".join(BLOCKS[name] for name in ("settings", *names))
        for old, new in (
            ("/opt/coursestream", str(ROOT)),
            (".venv/bin/python", sys.executable),
            ("/var/lib/coursestream", str(self.data_dir)),
            ("/var/backups/coursestream", str(self.backup)),
        ):
            script = script.replace(old, new)
        found = subprocess.run(
            [*_as_own_user(), "bash", "-c", script],
            env={"PATH": os.environ["PATH"], **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    @contextmanager
    def serving(self, **settings: str) -> Iterator[str]:
        """The service's URL while it runs on this data directory."""
        port = free_port()
        self.output.write_text("")
        process = start(self.data_dir, self.output, port, "serve", **settings)
        try:
            wait_for(
                lambda: "listens on" in self.output.read_text() or process.poll() is not None,
                "the address",
                START_TIMEOUT_S,
            )
            assert process.poll() is None, self.output.read_text()
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


# PostgreSQL refuses root, so root plays another user to whom the same files belong; among processes
# of its own, since that user could signal every server that root has in other namespaces.
AS_OWN_USER = (
    *("unshare", "--user", "--map-user=1000", "--map-group=1000"),
    *("--pid", "--fork", "--kill-child", "--mount-proc"),
)


def _as_own_user() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    if subprocess.run([*AS_OWN_USER, "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces are refused here, and PostgreSQL refuses root")
    return AS_OWN_USER


@pytest.fixture
def installation() -> Iterator[Installation]:
    program("rsync")
    with fast_directory() as directory:
        installation = Installation(directory / "data", directory / "backup", directory / "output")
        yield installation


async def _fill(url: str, media: Path) -> str:
    """The id of a video that somebody has watched a part of."""
    video_id = await upload(url, media)
    report = {
        "session_id": "s",
        "sequence": 0,
        "position": 1.0,
        "watched": [[0, 1]],
        "event": "progress",
    }
    async with (
        admin(url) as session,
        session.put(f"/api/v1/videos/{video_id}/progress", json=report) as response,
    ):
        assert response.status == 200
    return video_id


def _files_of(installation: Installation, video_id: str) -> list[Path]:
    return list((installation.data_dir / "storage").glob(f"courses/*/{video_id}/source-*"))


async def _told(url: str, video_id: str) -> dict[str, Any]:
    """All that can be seen of the video, its bytes and pictures included."""
    base = f"/api/v1/videos/{video_id}"
    async with admin(url) as session:

        async def read(path: str) -> bytes:
            async with session.get(path) as response:
                assert response.status == 200, await response.text()
                return await response.read()

        paths = [base, f"{base}/progress", f"{base}/thumbnails/small", "/api/v1/courses"]
        told: dict[str, Any] = {path: await read(path) for path in paths}
        told["stream"] = hashlib.sha256(await read(f"{base}/stream")).hexdigest()
    return told


def _told_by(installation: Installation, video_id: str, **settings: str) -> dict[str, Any]:
    with installation.serving(MEDIA_WORKERS="0", **settings) as url:
        return asyncio.run(_told(url, video_id))


def test_what_was_saved_comes_back(
    installation: Installation, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    media = tmp_path / "clock.webm"
    write_clock_webm(media, 2)
    with installation.serving(THUMBNAIL_SIZES="small:160") as url:
        video_id = asyncio.run(_fill(url, media))
        secret = installation.data_dir / "jwt-secret"
        secret.write_text("kept" * 8)
        secret.chmod(0o600)
        before = asyncio.run(_settled(url, video_id))
        installation.run("backup")
        newer_id = asyncio.run(upload(url, media))

    said = installation.run("restore-database", "start", "restore-check", "stop")

    assert newer_id in said
    assert video_id not in said
    assert len(_files_of(installation, newer_id)) == 1
    shutil.rmtree(installation.data_dir)

    installation.run("restore-files", "restore-database")

    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("kept" * 8, 0o600)
    assert _told_by(installation, video_id) == before

    if os.environ.get("FULL") == "1":
        installation.run("upgrade", "restore-database")
        assert _told_by(installation, video_id) == before

    url = request.getfixturevalue("database_url")  # may skip the rest
    elsewhere = _another_database(url)
    installation.run("restore-elsewhere", DATABASE_URL=elsewhere)
    assert _video_ids(elsewhere) == [video_id]

    installation.run("start", "move", "stop", DATABASE_URL=url)
    said = installation.run("migrate", DATABASE_URL=url)
    shutil.rmtree(installation.data_dir / "postgres")

    assert said == "nothing to apply\n"
    assert _told_by(installation, video_id, DATABASE_URL=url) == before


def _another_database(url: str) -> str:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with pytest.raises(psycopg2.errors.UndefinedObject):  # what `sed` is there for
            connection.cursor().execute("SET transaction_timeout = 0")
        connection.cursor().execute("CREATE DATABASE elsewhere TEMPLATE template0")
    return f"{url.rpartition('/')[0]}/elsewhere"


def _video_ids(url: str) -> list[str]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id::text FROM videos")
        return [row[0] for row in cursor.fetchall()]


async def _settled(url: str, video_id: str) -> dict[str, Any]:
    """The video once all of its pictures are there, too: then nothing changes any more."""
    async with admin(url) as session:
        for name, kind in (
            ("thumbnails/small", "image/webp"),
            ("thumbnails/small", "image/avif"),
            ("storyboard.vtt", "text/vtt"),
        ):
            path = f"/api/v1/videos/{video_id}/{name}"
            ask = partial(_status, session, path, kind)
            await wait_until(ask, lambda status: status == 200, within_s=30)
    return await _told(url, video_id)


async def _status(session: Any, path: str, kind: str) -> int:
    async with session.get(path, headers={"Accept": kind}) as response:
        status: int = response.status
        return status


@pytest.mark.parametrize("name", sorted(BLOCKS))
def test_every_block_is_valid_shell(name: str) -> None:
    checked = subprocess.run(["bash", "-n", "-c", BLOCKS[name]], capture_output=True, text=True)

    assert checked.stderr == ""


def test_no_command_of_the_page_is_left_untried() -> None:
    assert len(BLOCKS) == TEXT.count("```sh")
