"""coursestream itself, run as users run it: `run_server.py serve` with its own PostgreSQL.

Videos are uploaded through its API, the first time, to a server that is then stopped. Each variant
serves a copy of what that one left (its database copied, its videos the same files), so that all
variants run at once and everybody, the peers too, reads the same bytes from the same page cache.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from benchmarks.clients.load import Target
from benchmarks.servers.api import call, client, path_by_bearer, path_by_grant
from benchmarks.servers.processes import CannotStart, Cores, pin, pinned, running, wait_for_port

ROOT = Path(__file__).resolve().parents[2]
COURSE, MODULE, STUDENT = "bench", "bench-1", "bench-student"
VIDEOS = 20
SEED_PORT = 8100
PROGRAM = "run_server.py"
READY_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 60.0

# Limits are on, and so wide that they never bite. The others have no access log either.
SETTINGS: Mapping[str, str] = {
    "WORKERS": "1",
    "LOG_LEVEL": "warning",
    "STREAM_RATE_LIMIT": "1000000/second",
    "STREAMS_PER_USER": "10000",
    "REPORT_RATE_LIMIT": "1000000/second",
    "GRANT_TTL": "12h",
    "THUMBNAIL_SIZES": "small:160",
}


@dataclass(frozen=True, slots=True)
class Seed:
    """A stopped server's data, and how its videos are asked for."""

    data_dir: Path
    by_grant: tuple[tuple[str, int], ...]
    by_bearer: tuple[tuple[str, int], ...]
    token: str

    def published(self) -> list[Path]:
        """The videos as files."""
        sizes = {size for _, size in self.by_grant}
        files = sorted((self.data_dir / "storage").rglob("*.mp4"))
        return [file for file in files if file.stat().st_size in sizes]


def seed(data_dir: Path, video: Path, checkout: Path = ROOT) -> Seed:
    """Sees to it that the data hold that video many times. Raises: CannotStart."""
    data_dir.mkdir(exist_ok=True)
    log = data_dir.with_suffix(".log")
    log.unlink(missing_ok=True)
    environ = environ_of(_settings(data_dir, SEED_PORT, {"MEDIA_WORKERS": "2"}))
    with running(_command(checkout, "serve"), log, environ) as process:
        wait_for_port(process, SEED_PORT, log)
        admin = _token(environ, "bench-admin", "--role", "admin")
        student = _token(environ, STUDENT, "--ttl", "12h")
        try:
            made = asyncio.run(_ensure_videos(admin, student, video))
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise CannotStart(f"the videos could not be uploaded, see {log}: {exc!r}") from exc
        stop(process)
    by_grant = tuple((path, size) for path, _, size in made)
    by_bearer = tuple((path, size) for _, path, size in made)
    return Seed(data_dir, by_grant, by_bearer, student)


@contextlib.contextmanager
def served(
    seeded: Seed,
    data_dir: Path,
    port: int,
    cores: Cores,
    settings: Mapping[str, str],
    *,
    is_by_bearer: bool,
    checkout: Path = ROOT,
    python: str = sys.executable,
    program: str = PROGRAM,
) -> Iterator[Target]:
    _copy(seeded.data_dir, data_dir)
    log = data_dir.with_suffix(".log")
    ours = _settings(data_dir, port, settings)
    with serving(ours, log, cores, checkout=checkout, python=python, program=program) as process:
        pids = (process.pid,)
        if is_by_bearer:
            yield Target(port, seeded.by_bearer, f"Authorization: Bearer {seeded.token}", pids)
        else:
            yield Target(port, seeded.by_grant, pids=pids)


@contextlib.contextmanager
def serving(
    settings: Mapping[str, str],
    log: Path,
    cores: Cores,
    *options: str,
    checkout: Path = ROOT,
    python: str = sys.executable,
    program: str = PROGRAM,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Its web process on the server's core; database and media worker elsewhere."""
    arguments = _command(checkout, "serve", *options, python=python, program=program)
    command = pinned(cores.others, arguments)
    with running(command, log, environ_of(settings)) as process:
        wait_for_port(process, int(settings["PORT"]), log)
        pin(process.pid, cores.server)
        yield process


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    process.wait(STOP_TIMEOUT_S)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("storage"), symlinks=True)
    shutil.copytree(source / "storage", target / "storage", copy_function=os.link)


def _command(
    checkout: Path, *arguments: str, python: str = sys.executable, program: str = PROGRAM
) -> list[str]:
    return [python, str(checkout / program), *arguments]


def environ_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Environment of these settings, and none of whoever measures."""
    kept = {name: value for name, value in os.environ.items() if "COURSESTREAM_" not in name}
    # Nothing is made beside what is measured.
    settings = {"RENDITIONS": "none", **settings}
    return kept | {f"COURSESTREAM_{name}": value for name, value in settings.items()}


def _settings(data_dir: Path, port: int, changes: Mapping[str, str]) -> dict[str, str]:
    return {**SETTINGS, **changes, "DATA_DIR": str(data_dir), "PORT": str(port)}


def _token(environ: Mapping[str, str], user: str, *options: str) -> str:
    command = [*_command(ROOT, "token", "--user", user), *options]
    return subprocess.check_output(command, env=environ, text=True).strip()


async def _ensure_videos(admin: str, student: str, video: Path) -> list[tuple[str, str, int]]:
    """Path by grant, path by bearer token and size of each video, once it can be watched."""
    url = f"http://127.0.0.1:{SEED_PORT}"
    async with client(url, admin) as session, client(url, student) as viewer:
        await call(session, "PUT", f"courses/{COURSE}", json={"title": "Benchmarks"})
        await call(
            session, "PUT", f"courses/{COURSE}/enrollments/{STUDENT}", json={"role": "student"}
        )
        module = {"title": "Benchmarks", "position": 1}
        await call(session, "PUT", f"courses/{COURSE}/modules/{MODULE}", json=module)
        there = (await call(session, "GET", f"modules/{MODULE}/videos"))["items"]
        for _ in range(VIDEOS - len(there)):
            await _upload(session, video)
        there = (await call(session, "GET", f"modules/{MODULE}/videos"))["items"]
        return [await _opened(viewer, found["id"]) for found in there]


async def _upload(session: aiohttp.ClientSession, video: Path) -> None:
    form = aiohttp.FormData()
    with video.open("rb") as body:
        form.add_field("file", body, filename=video.name)
        await call(session, "POST", f"modules/{MODULE}/videos", data=form)


async def _opened(viewer: aiohttp.ClientSession, video_id: str) -> tuple[str, str, int]:
    async with asyncio.timeout(READY_TIMEOUT_S):
        while (video := await call(viewer, "GET", f"videos/{video_id}"))["status"] == "processing":
            await asyncio.sleep(0.2)
    return await path_by_grant(viewer, video_id), path_by_bearer(video_id), video["size"]
