"""An attacker's code in a sandboxed child: it reaches nothing outside and leaves no trace.

Each layer is also left out in turn: another one holds what it alone would.
"""

import ctypes
import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.confinement.layers import Confinement
from storage.errors import MediaCrashed
from storage.sandbox.children import Sandbox
from storage.sandbox.forked_child import Child
from tests.storage.sandbox.attacking_child import Attack
from tests.storage.sandbox.living import processes

HERE = Path(__file__).resolve().parent
ATTACKING = Child("attacking_child", (HERE, HERE.parents[2]))
ELSEWHERE = Path("/var/tmp/coursestream-taken")


@pytest.fixture
async def walls() -> Confinement:
    return await Sandbox(1).confinement()


@pytest.fixture
def attack(tmp_path: Path) -> Iterator[Attack]:
    """A service's files and sockets, and a place for one output."""
    storage, scratch = tmp_path / "storage", tmp_path / "scratch"
    storage.mkdir()
    scratch.mkdir()
    (storage / "jwt-secret").write_text("do not tell")
    (storage / "source-0123456789abcdef.mp4").write_bytes(b"a lecture")
    memory = ctypes.create_string_buffer(b"a key", 8)
    name = f"coursestream-{os.getpid()}"
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as named,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        named.bind(str(tmp_path / "socket"))
        named.listen()
        abstract.bind(f"\0{name}")
        abstract.listen()
        yield Attack(
            without=[],
            parent=os.getpid(),
            address=ctypes.addressof(memory),
            secret=storage / "jwt-secret",
            published=storage / "source-0123456789abcdef.mp4",
            output=scratch / "made",
            port=tcp.getsockname()[1],
            socket=tmp_path / "socket",
            abstract=name,
        )


@pytest.fixture(autouse=True)
async def _nothing_is_left(attack: Attack) -> AsyncIterator[None]:
    yield
    assert processes() == []
    assert attack.published.read_bytes() == b"a lecture"
    assert {path.name for path in attack.output.parent.iterdir()} <= {"made"}
    assert not ELSEWHERE.exists()


async def run(function: str, task: Attack, answer: type | None) -> object:
    return await Sandbox(1, child=ATTACKING).run(
        function, task, answer, timeout_s=60, file_bytes=1000
    )


def lesser(attack: Attack, *without: str) -> Attack:
    fields = {name: getattr(attack, name) for name in attack.__struct_fields__}
    return Attack(**{**fields, "without": list(without)})


@pytest.mark.parametrize(
    ("without", "needed"),
    [
        pytest.param((), (), id="all walls"),
        pytest.param(("seccomp",), ("namespaces", "file_root", "landlock"), id="no seccomp"),
        pytest.param(("landlock",), ("file_root", "seccomp"), id="no Landlock"),
        pytest.param(("namespaces",), ("landlock", "seccomp"), id="no namespaces"),
        pytest.param(("root directory",), ("landlock", "seccomp"), id="no root of its own"),
        pytest.param(
            ("landlock", "seccomp"), ("namespaces", "file_root"), id="namespaces are all there is"
        ),
    ],
)
async def test_nothing_outside_is_reached(
    attack: Attack, walls: Confinement, without: tuple[str, ...], needed: tuple[str, ...]
) -> None:
    if not all(getattr(walls, wall) for wall in needed or ("seccomp", "landlock")):
        pytest.skip(f"this machine lacks a wall: {walls}")

    assert await run("attack", lesser(attack, *without), list[str]) == []

    assert attack.output.stat().st_size <= 1000


async def test_attempts_reach_what_no_wall_protects(attack: Attack) -> None:
    """Otherwise the other tests would prove nothing."""
    bare = lesser(attack, "seccomp", "landlock", "namespaces", "root directory")
    reached = await run("attack", bare, list[str])

    for path in attack.output.parent.iterdir():
        path.rmdir() if path.is_dir() else path.unlink()
    ELSEWHERE.unlink()
    attack.published.write_bytes(b"a lecture")
    assert {
        *("secret", "list", "overwrite", "truncate", "rename", "unlink", "file elsewhere"),
        *("symlink", "another file", "output as a link", "program", "users"),
        *("tcp", "unix socket", "abstract socket", "descriptors"),
    } <= set(reached)  # type: ignore[call-overload]


@pytest.mark.parametrize("attempt", ["signal", "ptrace", "process_vm_readv", "mount", "execution"])
async def test_attempt_that_no_library_makes_is_the_last(
    attack: Attack, walls: Confinement, attempt: str
) -> None:
    if not walls.seccomp:
        pytest.skip(f"this machine lacks a wall: {walls}")
    fields = {name: getattr(attack, name) for name in attack.__struct_fields__}
    striking = Attack(**{**fields, "secret": attack.secret.with_name(attempt)})

    with pytest.raises(MediaCrashed, match="SIGSYS"):
        await run("strike", striking, None)


async def test_no_process_is_made(attack: Attack, walls: Confinement) -> None:
    if not walls.seccomp:
        pytest.skip(f"this machine lacks a wall: {walls}")

    assert await run("multiply", attack, int) == 0


async def test_processes_that_are_made_end_with_the_child(
    attack: Attack, walls: Confinement
) -> None:
    """Only the namespace ends them: each has a session of its own, and none is awaited."""
    if not walls.namespaces:
        pytest.skip(f"this machine lacks a wall: {walls}")

    made = await run("multiply", lesser(attack, "seccomp"), int)

    assert isinstance(made, int)
    assert 0 < made < 300  # RLIMIT_NPROC
