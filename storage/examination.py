"""Examination of an upload: its format by content, its completeness, its media.

Runs in a sandboxed child: a hostile file may consist of millions of headers, and reading them holds
up whoever shares the interpreter.
"""

from pathlib import Path

from storage.containers.completeness import check_file
from storage.containers.sniff import sniff_file
from storage.conversion.sound_film import probe_sound
from storage.errors import FormatWithoutVideo, NoVideo, RefusedFormat
from storage.formats import TRAITS, SourceFormat, admits, admits_content
from storage.media.facts import Examined, MediaLimits
from storage.media.probe import probe


def examine(path: Path, limits: MediaLimits, allowed: list[str]) -> Examined:
    """No demuxer opens a file whose format is not `allowed`.

    Raises: RefusedFormat, FormatWithoutVideo, and as `sniff_file`, `check_file` and `probe`.
    """
    source = sniff_file(path)
    if not admits(allowed, source):
        raise _refused(source)
    check_file(path)
    try:
        return _examine_media(path, source, limits, allowed)
    except NoVideo as exc:
        raise FormatWithoutVideo(
            f"The {TRAITS[source].label} file has no video in it, only sound or other content."
        ) from exc


def _examine_media(
    path: Path, source: SourceFormat, limits: MediaLimits, allowed: list[str]
) -> Examined:
    """Raises: NoVideo, RefusedFormat, and as `probe`."""
    try:
        found = probe(path, source, limits)
    except NoVideo:
        if not admits_content(allowed, source, has_picture=False):
            raise
        return Examined(source, probe_sound(path, source, limits))
    if not admits_content(allowed, source, has_picture=True):
        raise _refused(source)
    return Examined(source, found)


def _refused(source: SourceFormat) -> RefusedFormat:
    return RefusedFormat(f"{TRAITS[source].label} files are not accepted here.")
