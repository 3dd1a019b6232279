"""A sandboxed child that probes many files in turn: a child for each would take minutes."""

from pathlib import Path

import msgspec

from storage.errors import StorageError
from storage.media.facts import MediaLimits
from storage.media.probe import probe
from storage.sandbox import child
from storage.sandbox.child import FUNCTIONS, Function
from storage.sandbox.files import Files


class Batch(msgspec.Struct, frozen=True):
    directory: Path
    limits: MediaLimits


class Outcome(msgspec.Struct, frozen=True):
    """Result of a probe, or the name of the error that it raised."""

    name: str
    error: str | None = None
    duration_s: float = 0.0
    pixels: int = 0


def probe_all(directory: Path, limits: MediaLimits) -> list[Outcome]:
    return [_outcome(path, limits) for path in sorted(directory.iterdir())]


def _outcome(path: Path, limits: MediaLimits) -> Outcome:
    try:
        found = probe(path, "webm" if path.suffix == ".webm" else "mp4", limits)
    except StorageError as exc:
        return Outcome(path.name, type(exc).__name__)
    return Outcome(path.name, None, found.duration_s, found.width * found.height)


def main(order_text: str) -> None:
    function = Function(
        __name__, probe_all.__name__, Batch, lambda batch: Files((batch.directory,))
    )
    child.main(order_text, {**FUNCTIONS, probe_all.__name__: function})
