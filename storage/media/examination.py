"""What an uploaded file is: its format by its content, whether all of it is there, its media.

Runs in a sandboxed child: a hostile file may consist of millions of headers, and reading them holds
up whoever shares the interpreter.
"""

from pathlib import Path

from storage.errors import RefusedFormat
from storage.formats import TRAITS, admits
from storage.media.completeness import check_file
from storage.media.facts import Examined, MediaLimits
from storage.media.probe import probe
from storage.media.sniff import sniff_file


def examine(path: Path, limits: MediaLimits, allowed: list[str]) -> Examined:
    """No demuxer opens a file whose format is not `allowed`.

    Raises: RefusedFormat, and as `sniff_file`, `check_file` and `probe`.
    """
    source = sniff_file(path)
    if not admits(allowed, source):
        raise RefusedFormat(f"{TRAITS[source].label} files are not accepted here.")
    check_file(path)
    return Examined(source, probe(path, source, limits))
