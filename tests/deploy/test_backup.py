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
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from storage.samples import write_clock_webm
from tests.deploy.conftest import admin, program, upload
from tests.flows.test_external_database import database_url  # noqa: F401  a fixture
from tests.running import ROOT, free_port, start, stop, wait_for

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
        """What the named blocks print, run in one shell after the page's first lines."""
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


def _as_own_user() -> list[str]:
    """PostgreSQL refuses root, so root plays another user to whom the same files belong."""
    if os.geteuid() != 0:
        return []
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    program("rsync")
    installation = Installation(tmp_path / "data", tmp_path / "backup", tmp_path / "output")
    yield installation
    if (installation.data_dir / "postgres/cluster/postmaster.pid").exists():
        installation.run("stop")


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
    with installation.serving(**settings) as url:
        return asyncio.run(_told(url, video_id))


def test_what_was_saved_comes_back(
    installation: Installation,
    tmp_path: Path,
    database_url: str,  # noqa: F811
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
        asyncio.run(upload(url, media, "c2", "m2"))
    shutil.rmtree(installation.data_dir)

    installation.run("restore-files", "restore-database")

    assert (secret.read_text(), secret.stat().st_mode & 0o777) == ("kept" * 8, 0o600)
    assert _told_by(installation, video_id) == before

    installation.run("upgrade", "restore-database")

    assert _told_by(installation, video_id) == before

    installation.run("start", "move", "stop", DATABASE_URL=database_url)
    said = installation.run("migrate", DATABASE_URL=database_url)
    shutil.rmtree(installation.data_dir / "postgres")

    assert said == "nothing to apply\n"
    assert _told_by(installation, video_id, DATABASE_URL=database_url) == before


async def _settled(url: str, video_id: str) -> dict[str, Any]:
    """What is told once the further pictures are there, too: then nothing changes any more."""
    path = f"/api/v1/videos/{video_id}/thumbnails/small"
    async with admin(url) as session, asyncio.timeout(30):
        for kind in ("image/webp", "image/avif"):
            while (await _status(session, path, kind)) != 200:
                await asyncio.sleep(0.1)
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
