"""The generator asks for what it is told, and notices what is not what it asked for."""

import re
import shutil
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.clients.load import (
    Asked,
    Generator,
    LoadError,
    Target,
    compiled,
    tls_missing,
)
from benchmarks.measurement.rounds import Rounds
from benchmarks.measurement.workloads import WORKLOADS
from benchmarks.servers.encrypted import by_tls, certificate
from benchmarks.servers.processes import cpu_s, resident_bytes, running, wait_for_port
from tests.harness.running import free_port

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to build it with")

SIZE_BYTES = 3_000_001
RANGE_BYTES = 65536


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("load")


@pytest.fixture(scope="module")
def generator(directory: Path) -> Generator:
    return Generator(directory, None)


@pytest.fixture(scope="module")
def files(directory: Path) -> Iterator[Target]:
    """The peer that every machine has, with one file."""
    (directory / "v.mp4").write_bytes(bytes(SIZE_BYTES))
    port, log = free_port(), directory / "log"
    command = [sys.executable, "-m", "benchmarks.peers.file_response", str(directory), str(port)]
    with running(command, log) as process:
        wait_for_port(process, port, log)
        yield Target(port, (("/v.mp4", SIZE_BYTES),), pids=(process.pid,))


def run(generator: Generator, target: Target, *arguments: str) -> dict[str, Any]:
    return generator.run(target, Asked(("--connections", "4", *arguments), 0.4, warmup_s=0.1))


def test_ranges_are_asked_for_and_counted(generator: Generator, files: Target) -> None:
    found = run(generator, files, "--range", str(RANGE_BYTES))

    assert (found["errors"], found["first_error"]) == (0, "")
    assert found["opened"] == 4
    assert found["requests"] > 4
    assert found["bytes"] == pytest.approx(found["requests"] * RANGE_BYTES, rel=0.3)
    assert 0 < found["first_byte_ms"]["p50"] <= found["latency_ms"]["p50"]
    assert found["latency_ms"]["p50"] <= found["latency_ms"]["p99"] <= found["latency_ms"]["max"]
    assert 0.3 < found["seconds"] < 0.6


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--range", "0"], id="whole files"),
        pytest.param(["--range", "1"], id="one byte"),
        pytest.param(["--range", str(SIZE_BYTES - 1), "--unaligned"], id="all but one byte"),
        pytest.param(["--range", str(SIZE_BYTES)], id="all of it as a range"),
        pytest.param(["--range", "4096", "--unaligned"], id="from anywhere"),
    ],
)
def test_other_sizes_are_asked_for(
    generator: Generator, files: Target, arguments: list[str]
) -> None:
    found = run(generator, files, *arguments)

    assert (found["errors"], found["first_error"]) == (0, "")
    assert found["requests"] > 0


def test_fresh_means_a_connection_for_each_request(generator: Generator, files: Target) -> None:
    found = run(generator, files, "--range", str(RANGE_BYTES), "--fresh")

    assert found["errors"] == 0
    assert found["opened"] >= found["requests"] > 4


def test_players_read_at_their_pace_while_seekers_seek(generator: Generator, files: Target) -> None:
    players = ("--players", "5", "--rate", "500000", "--seekers", "1")
    found = run(generator, files, *players)

    assert found["errors"] == 0
    assert found["player_bytes"] / found["seconds"] == pytest.approx(5 * 500_000, rel=0.5)
    assert found["all_bytes"] > found["player_bytes"] + found["bytes"]  # of the warm-up
    assert found["requests"] > 1
    assert found["bytes"] == pytest.approx(found["requests"] * RANGE_BYTES, rel=0.5)


def test_intervals_make_a_series(generator: Generator, files: Target) -> None:
    found = generator.run(files, Asked(("--interval", "0.2"), seconds=1.0, warmup_s=0.0))

    assert 1 <= len(found["series"]) <= 5
    assert sum(found["series"]) * 0.2 <= found["bytes"] * 1.5
    assert max(found["series"]) > 0


Answer = Callable[[int, int], tuple[str, int, str]]
"""First and last byte asked for -> status line, length and further fields of the answer."""


@contextmanager
def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Target]:
    """A server that says what it is told to."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while found := re.search(rb"bytes=(\d+)-(\d+)", b"".join(iter(self.line, b"\r\n"))):
                status, length, fields = answer(int(found[1]), int(found[2]))
                head = f"HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\n\r\n"
                self.wfile.write(head.encode() + bytes(length))
                if "close" in fields:
                    return

        def line(self) -> bytes:
            return self.rfile.readline() or b"\r\n"

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            """In the thread of the connection."""
            wrapped: socket.socket = request
            if tls is not None:
                wrapped = tls.wrap_socket(request, server_side=True)
            with wrapped:
                super().finish_request(wrapped, client_address)

        def handle_error(self, *_: object) -> None:
            """A client that does not like the answer goes away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield Target(server.server_address[1], (("/v.mp4", SIZE_BYTES),))
        finally:
            server.shutdown()


def _range(first: int, last: int, size: int = SIZE_BYTES) -> str:
    return f"Content-Range: bytes {first}-{last}/{size}\r\n"


def test_players_ask_for_one_piece_after_the_other(generator: Generator) -> None:
    asked: list[tuple[int, int]] = []

    def answer(first: int, last: int) -> tuple[str, int, str]:
        asked.append((first, last))
        return "206 Partial Content", last - first + 1, _range(first, last)

    with answering(answer) as target:
        player = ("--players", "1", "--seekers", "0", "--rate", "1000000", "--piece", "9000")
        found = generator.run(target, Asked(player, 0.5, warmup_s=0.0))

    assert (found["errors"], found["first_error"]) == (0, "")
    assert len(asked) > 2
    for (first, last), (_, before) in zip(asked[1:], asked, strict=False):
        assert first == before + 1
        assert last - first == 8999


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(
            lambda first, last: ("200 OK", RANGE_BYTES, ""), "status: HTTP/1.1 200", id="whole"
        ),
        pytest.param(
            lambda first, last: ("429 Later", 0, ""), "status: HTTP/1.1 429", id="refused"
        ),
        pytest.param(
            lambda first, last: ("206 P", RANGE_BYTES, _range(first + 1, last + 1)),
            "Content-Range",
            id="another range",
        ),
        pytest.param(
            lambda first, last: ("206 P", RANGE_BYTES, _range(first, last, SIZE_BYTES + 1)),
            "Content-Range",
            id="a file of another size",
        ),
        pytest.param(
            lambda first, last: ("206 P", RANGE_BYTES - 1, _range(first, last)),
            "Content-Length",
            id="too short",
        ),
        pytest.param(
            lambda first, last: ("206 P", RANGE_BYTES, ""), "Content-Range", id="no range"
        ),
        pytest.param(
            lambda first, last: ("206 P", 0, "X: " + 5000 * "x" + "\r\n"),
            "head too large",
            id="an endless head",
        ),
    ],
)
def test_wrong_answers_are_noticed(generator: Generator, answer: Answer, said: str) -> None:
    with answering(answer) as target:
        found = run(generator, target)

    assert found["errors"] > 0
    assert found["first_error"].startswith(said)
    assert found["requests"] == 0


@pytest.fixture(scope="module")
def tls(directory: Path) -> ssl.SSLContext:
    if reason := tls_missing():
        pytest.skip(reason)
    own = certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.chain, own.key)
    return context


@pytest.mark.parametrize("arguments", [[], ["--fresh"]], ids=["kept", "a connection each"])
@pytest.mark.parametrize("size", [1, 16384, RANGE_BYTES + 1])
def test_ranges_are_asked_for_by_tls(
    generator: Generator, tls: ssl.SSLContext, size: int, arguments: list[str]
) -> None:
    def answer(first: int, last: int) -> tuple[str, int, str]:
        return "206 P", last - first + 1, _range(first, last)

    with by_tls(answering(answer, tls)) as target:
        found = run(generator, target, "--range", str(size), *arguments)

    assert (found["errors"], found["first_error"]) == (0, "")
    assert found["requests"] > 4
    assert found["bytes"] == pytest.approx(found["requests"] * size, rel=0.3)


@pytest.mark.usefixtures("tls")
def test_a_server_without_tls_is_an_error(generator: Generator, files: Target) -> None:
    found = run(generator, replace(files, is_tls=True))

    assert found["first_error"].startswith("TLS handshake")
    assert found["requests"] == 0


def test_a_connection_closed_by_the_server_is_opened_again(generator: Generator) -> None:
    def answer(first: int, last: int) -> tuple[str, int, str]:
        return "206 P", RANGE_BYTES, _range(first, last) + "Connection: close\r\n"

    with answering(answer) as target:
        found = run(generator, target)

    assert found["errors"] == 0
    assert found["opened"] >= found["requests"] > 4


def test_a_server_that_is_away_is_an_error(generator: Generator) -> None:
    found = run(generator, Target(free_port(), (("/v.mp4", SIZE_BYTES),)))

    assert found["errors"] > 0
    assert "refused" in found["first_error"]


def test_the_header_is_sent(generator: Generator, files: Target) -> None:
    """One that the server has to refuse."""
    found = run(generator, replace(files, header="Content-Length: x"))

    assert found["first_error"].startswith("status: HTTP/1.0 400")


def test_without_files_nothing_is_asked(generator: Generator) -> None:
    with pytest.raises(LoadError, match="size path"):
        generator.run(Target(1, ()), Asked((), 0.1))


def test_it_compiles_without_a_warning(tmp_path: Path) -> None:
    compiled(tmp_path, ("-Wall", "-Wextra", "-Werror"))


def test_rounds_run_every_contender_in_turn(generator: Generator, files: Target) -> None:
    rounds = Rounds(generator, {"one": files, "other": files})

    found = list(rounds.run(WORKLOADS["1m"], ["one", "other"], rounds=2, seconds=0.1))

    order = [(sample.contender, sample.round) for sample in found]
    assert order == [("one", 0), ("other", 0), ("other", 1), ("one", 1)]
    assert all(sample.measured["bytes"] and sample.server_cpu_s > 0 for sample in found)


def test_a_process_has_a_size_and_uses_its_core(generator: Generator, files: Target) -> None:
    before_s = cpu_s(files.pids)
    run(generator, files)

    assert cpu_s(files.pids) > before_s
    assert 10e6 < resident_bytes(files.pids) < 1e9
