"""A sandboxed child that takes one file after the other: a child for each would take minutes."""

from pathlib import Path

import msgspec

from storage.confinement.files import Files
from storage.errors import StorageError
from storage.examination import examine
from storage.media.facts import MediaLimits, Probe
from storage.media.probe import probe
from storage.sandbox import child
from storage.sandbox.child import FUNCTIONS, Function
from storage.sandbox.forked_child import Child

BATCH_CHILD = Child(__name__, (Path(__file__).resolve().parents[3],))


class Batch(msgspec.Struct, frozen=True):
    directory: Path
    limits: MediaLimits
    allowed: list[str] | None = None
    """Formats that an examination admits; None to probe the files as their suffix says."""


class Outcome(msgspec.Struct, frozen=True):
    """Facts of a file, or the name of the error that it was refused with."""

    name: str
    error: str | None = None
    duration_s: float = 0.0
    pixels: int = 0


def take_all(directory: Path, limits: MediaLimits, allowed: list[str] | None) -> list[Outcome]:
    return [_outcome(path, limits, allowed) for path in sorted(directory.iterdir())]


def _outcome(path: Path, limits: MediaLimits, allowed: list[str] | None) -> Outcome:
    try:
        found = _facts(path, limits, allowed)
    except StorageError as exc:
        return Outcome(path.name, type(exc).__name__)
    return Outcome(path.name, None, found.duration_s, found.width * found.height)


def _facts(path: Path, limits: MediaLimits, allowed: list[str] | None) -> Probe:
    if allowed is None:
        return probe(path, "webm" if path.suffix == ".webm" else "mp4", limits)
    return examine(path, limits, allowed).probe


def main(order_text: str, parent_pid: int) -> None:
    function = Function(__name__, take_all.__name__, Batch, lambda batch: Files((batch.directory,)))
    child.main(order_text, parent_pid, {**FUNCTIONS, take_all.__name__: function})
