"""Rewrites a text track from standard input as WebVTT.

Runs in a sandboxed child: a megabyte of markup takes seconds, which would block the event loop.
"""

import sys

import msgspec

from storage.captions.subtitles import CueWarning, read_captions, read_chapters
from storage.captions.webvtt import write_webvtt
from storage.errors import HugeTextTrack
from storage.media.facts import MAX_TRACK_BYTES, TrackKind

_READERS = {"captions": read_captions, "chapters": read_chapters}


class RewrittenTrack(msgspec.Struct, frozen=True):
    """A track as WebVTT, and the cues that it lost."""

    content: str
    warnings: tuple[CueWarning, ...]


def rewrite_text_track(kind: TrackKind) -> RewrittenTrack:
    """Read, clean and write the cues. Raises: InvalidSubtitles, HugeTextTrack."""
    cues, warnings = _READERS[kind](sys.stdin.buffer.read())
    written = write_webvtt(cues)
    if len(written.encode()) > MAX_TRACK_BYTES:
        raise HugeTextTrack
    return RewrittenTrack(written, warnings)
