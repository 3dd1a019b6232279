"""The same service on somebody else's PostgreSQL, the oldest that is supported."""

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from server.commands.tokens import mint_token
from storage.samples import write_clock_webm
from tests.harness.running import SECRET, free_port, start, stop, wait_for
from tests.harness.serving import processed

POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
USER = "postgres"


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    """A cluster of Debian's postgresql-15, on a loopback port of its own."""
    if not (POSTGRES_15 / "initdb").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("CI must have postgresql-15")
        pytest.skip("Debian's postgresql-15 is not installed")
    if os.geteuid() != 0:
        pytest.skip("starting Debian's PostgreSQL as its own user needs root")
    account = pwd.getpwnam(USER)
    directory = Path(tempfile.mkdtemp(prefix="coursestream-pg15-"))
    os.chown(directory, account.pw_uid, account.pw_gid)
    cluster, port = directory / "cluster", free_port()
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={directory}"
    try:
        _run("initdb", "-D", cluster, "-A", "trust", "-U", "school")
        _run("pg_ctl", "-D", cluster, "-w", "-l", directory / "log", "-o", options, "start")
        _run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "school", "courses")
        yield f"postgresql://school@127.0.0.1:{port}/courses"
    finally:
        _run("pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(directory)


def _run(program: str, *arguments: object) -> None:
    subprocess.run(
        ["runuser", "-u", USER, "--", str(POSTGRES_15 / program), *map(str, arguments)],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd="/",
    )


def test_serve_refuses_a_stale_schema_until_migrated(database_url: str, tmp_path: Path) -> None:
    output, port = tmp_path / "output", free_port()

    refused = start(tmp_path / "data", output, port, "serve", DATABASE_URL=database_url)
    assert refused.wait(60) == 1
    assert "run `run_server.py migrate` first" in output.read_text()

    migrated = start(tmp_path / "data", output, port, "migrate", DATABASE_URL=database_url)
    assert migrated.wait(60) == 0, output.read_text()

    serving = start(tmp_path / "data", output, port, "serve", DATABASE_URL=database_url)
    try:
        wait_for(lambda: "listens on" in output.read_text(), "the address", 60)
        media = tmp_path / "clock.webm"
        write_clock_webm(media, 1)
        status = asyncio.run(_upload_until_ready(f"http://127.0.0.1:{port}", media))
    finally:
        assert stop(serving) == 0
    assert status == "ready"


async def _upload_until_ready(url: str, media: Path) -> str:
    token = mint_token(SECRET, "root", roles=("admin",))
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(url, headers=headers) as session:
        for path, body in (
            ("courses/c1", {"title": "One"}),
            ("courses/c1/modules/m1", {"title": "One", "position": 1}),
        ):
            async with session.put(f"/api/v1/{path}", json=body) as response:
                assert response.status == 201
        form = {"file": media.open("rb")}
        async with session.post("/api/v1/modules/m1/videos", data=form) as response:
            assert response.status == 201, await response.text()
            video_id = (await response.json())["id"]
        return str((await processed(session, f"/api/v1/videos/{video_id}"))["status"])
