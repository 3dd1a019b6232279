"""A sandboxed child that examines one file after the other: a child for each would take minutes."""

from pathlib import Path

import msgspec

from storage.errors import StorageError
from storage.media.examination import examine
from storage.media.facts import MediaLimits
from storage.sandbox import child
from storage.sandbox.child import FUNCTIONS, Function
from storage.sandbox.files import Files


class Batch(msgspec.Struct, frozen=True):
    directory: Path
    limits: MediaLimits
    allowed: list[str]


class Outcome(msgspec.Struct, frozen=True):
    """The facts of a file, or the name of the error that it was refused with."""

    name: str
    error: str | None = None
    duration_s: float = 0.0
    pixels: int = 0


def examine_all(directory: Path, limits: MediaLimits, allowed: list[str]) -> list[Outcome]:
    return [outcome(path, limits, allowed) for path in sorted(directory.iterdir())]


def outcome(path: Path, limits: MediaLimits, allowed: list[str]) -> Outcome:
    try:
        found = examine(path, limits, allowed).probe
    except StorageError as exc:
        return Outcome(path.name, type(exc).__name__)
    return Outcome(path.name, None, found.duration_s, found.width * found.height)


def main(order_text: str) -> None:
    function = Function(
        __name__, examine_all.__name__, Batch, lambda batch: Files((batch.directory,))
    )
    child.main(order_text, {**FUNCTIONS, examine_all.__name__: function})
