"""The whole service as its users start it: one `serve --demo` for all the journeys."""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from server.commands.tokens import mint_token
from tests.films.lectures import Lecture, Watcher, grants_for, make_lecture, watching
from tests.flows.players.players import PLAYERS
from tests.harness.making import copy_tree, made_once
from tests.harness.running import (
    SECRET,
    Service,
    free_port,
    printed_addresses,
    start,
    stop,
    wait_for,
)
from tests.harness.serving import Serve, served_from
from tests.programs.npm import installed
from tests.programs.web_build import built_pages

START_TIMEOUT_S = 180.0
IS_FULL = os.environ.get("FULL") == "1"
# What no client may be able to tell apart.
WAYS = [
    pytest.param({"STREAM_REPLAY": "on", "EVENT_LOOP": "asyncio"}, id="shortcut-asyncio"),
    pytest.param({"STREAM_REPLAY": "off", "EVENT_LOOP": "uvloop"}, id="no-shortcut-uvloop"),
]
STALL_TIMEOUT_S = 5
LECTURE_BYTES = 16 * 2**20  # more than what the kernels hold between a server and a small buffer
# A user may have eight transfers at once, and fifty requests a second.
STUDENTS = 250 if IS_FULL else 40
REPORT_INTERVAL_S = 1  # a browser's reports come soon enough for a test to wait for them


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running demonstration; its films are made once a run, on an empty directory."""
    made = made_once(tmp_path_factory, "demo", _make_demo)
    data_dir = tmp_path_factory.mktemp("service") / "data"
    copy_tree(made / "data", data_dir)
    with _demo(data_dir) as service:
        yield service


@pytest.fixture(scope="session")
def player_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The players of others, for `site_of_players`."""
    return installed(tmp_path_factory.mktemp("players"), *PLAYERS)


def _make_demo(directory: Path) -> None:
    with _demo(directory / "data"):
        pass


@contextmanager
def _demo(data_dir: Path) -> Iterator[Service]:
    built_pages()
    output, port = data_dir.with_name("output"), free_port()
    process = start(
        data_dir, output, port, "serve", "--demo", REPORT_INTERVAL=f"{REPORT_INTERVAL_S}s"
    )
    try:

        def addresses() -> dict[str, str]:
            assert process.poll() is None, output.read_text(errors="replace")
            return printed_addresses(output)

        wait_for(addresses, "the addresses", START_TIMEOUT_S)
        yield Service(f"http://127.0.0.1:{port}", process, output, data_dir, _videos(port))
    finally:
        stop(process)


def _videos(port: int) -> list[str]:
    """The ids of the demo's videos: the MP4, then the WebM."""

    async def ask() -> list[str]:
        headers = {"Authorization": f"Bearer {mint_token(SECRET, 'student')}"}
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session,
            session.get("/api/v1/courses/demo") as response,
        ):
            course = await response.json()
        return [str(UUID(module["videos"][0]["id"])) for module in course["modules"]]

    return asyncio.run(ask())


@dataclass(frozen=True)
class Classroom:
    """A `serve` of its own with two lectures; its students watch the one or the other."""

    serve: Serve
    lectures: list[Lecture]
    paths: list[list[str]]
    """Of each lecture, by the grants of its students."""

    @cached_property
    def service_token(self) -> str:
        """One for all: the server remembers each that it has seen for as long as it holds."""
        return self.serve.token("fetcher", "service")

    def watching(
        self, number: int = 0, receive_buffer_bytes: int | None = None
    ) -> AbstractAsyncContextManager[Watcher]:
        """A new connection of student `number`; even ones watch one lecture, odd ones the other."""
        which, place = number % 2, number // 2
        path = self.paths[which][place % len(self.paths[which])]
        return watching(
            self.serve.url, path, self.lectures[which], receive_buffer_bytes=receive_buffer_bytes
        )


@pytest.fixture(scope="session")
def classrooms(
    tmp_path_factory: pytest.TempPathFactory, made_cluster: Path
) -> Iterator[Callable[..., Classroom]]:
    """Opens a classroom with settings; asked again for the same ones, it gives the same."""
    with ExitStack() as open_:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a thousand clients of ours
        open_.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

        @cache
        def classroom_with(students: int = STUDENTS, **settings: str) -> Classroom:
            directory = tmp_path_factory.mktemp("classroom")
            serving = served_from(directory, made_cluster, LOG_LEVEL="info", **settings)
            served = open_.enter_context(serving)
            served.start()
            return asyncio.run(_furnished(served, directory, students))

        yield classroom_with


@pytest.fixture(scope="module", params=WAYS if IS_FULL else WAYS[:1])
def classroom(request: pytest.FixtureRequest, classrooms: Callable[..., Classroom]) -> Classroom:
    """One that soon gives up on who does not read."""
    return classrooms(STREAM_STALL_TIMEOUT=f"{STALL_TIMEOUT_S}s", **request.param)


async def _furnished(serve: Serve, directory: Path, students: int) -> Classroom:
    lectures = [await make_lecture(serve, directory, seed, LECTURE_BYTES) for seed in (1, 2)]
    paths = [
        await grants_for(serve, lecture, [f"student-{which}-{n}" for n in range(students // 2)])
        for which, lecture in enumerate(lectures)
    ]
    return Classroom(serve, lectures, paths)
