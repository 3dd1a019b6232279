"""Rewrites a text track from standard input as WebVTT.

Runs in a sandboxed child: a megabyte of markup takes seconds, which would block the event loop.
"""

import sys

from storage.captions.subtitles import read_captions, read_chapters
from storage.captions.webvtt import write_webvtt
from storage.errors import HugeTextTrack
from storage.media.facts import MAX_TRACK_BYTES, TrackKind

_READERS = {"captions": read_captions, "chapters": read_chapters}


def rewrite_text_track(kind: TrackKind) -> str:
    """Read, clean and write the cues. Raises: InvalidSubtitles, HugeTextTrack."""
    written = write_webvtt(_READERS[kind](sys.stdin.buffer.read()))
    if len(written.encode()) > MAX_TRACK_BYTES:
        raise HugeTextTrack
    return written
