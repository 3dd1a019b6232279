"""What an uploaded file is: its container by its content, whether all of it is there, its media.

Runs in a sandboxed child: a hostile file may consist of millions of headers, and reading them holds
up whoever shares the interpreter.
"""

from pathlib import Path

from storage.media.facts import Examined, MediaLimits
from storage.media.probe import probe
from storage.media.sniff import sniff_file


def examine(path: Path, limits: MediaLimits) -> Examined:
    """Raises: as `sniff_file` and `probe`."""
    container = sniff_file(path)
    return Examined(container, probe(path, container, limits))
