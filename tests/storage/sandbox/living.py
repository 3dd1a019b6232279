"""Processes of sandboxed children, as seen from outside: inside, each has the id 1."""

import os
from contextlib import suppress
from pathlib import Path


def servers(ancestor: int | None = None) -> list[int]:
    """Living fork servers of this process, or another's."""
    return [pid for pid in _children_of(ancestor or os.getpid()) if _is_fork_server(pid)]


def children(ancestor: int | None = None) -> list[int]:
    """Living children of these servers: guards, with namespaces."""
    return [pid for server in servers(ancestor) for pid in _children_of(server)]


def processes(ancestor: int | None = None) -> list[int]:
    """As `children`, and after them the inits that they guard."""
    guards = children(ancestor)
    return guards + [pid for guard in guards for pid in _children_of(guard)]


def name_of(pid: int) -> str:
    """The function that a child carries out; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().rstrip("\n")
    except OSError:
        return ""


def is_running(pid: int) -> bool:
    return _parent(pid) != 0


def _is_fork_server(pid: int) -> bool:
    try:
        return b"fork_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _children_of(pid: int) -> list[int]:
    found = []
    for thread in _listed(Path(f"/proc/{pid}/task")):
        with suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return sorted(one for one in found if is_running(one))


def _listed(directory: Path) -> list[Path]:
    try:
        return [*directory.iterdir()]
    except OSError:
        return []


def _parent(pid: int) -> int:
    """0 for a process that has ended meanwhile."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    state, parent = text.rpartition(")")[2].split()[:2]
    return 0 if state == "Z" else int(parent)
