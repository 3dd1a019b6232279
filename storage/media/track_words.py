"""Words that a container has for a track: its language and its title. For sandboxed children."""

import re
from typing import Any

# FFmpeg's and the format's words for a language that is not told.
_UNTOLD = frozenset({"und", "```"})
# In MP4 a track's title is the name of its handler, which is that of a program for the most part.
_PROGRAMS = re.compile("handler|core media|iso media|bento4|l-smash|lavf", re.IGNORECASE)


def language_of(stream: Any) -> str:
    """The language as the container names it; empty where there is none."""
    language: str = stream.language or ""
    return "" if language in _UNTOLD else language


def title_of(stream: Any) -> str:
    """Empty where there is none. FFmpeg writes a title to MP4 as a name."""
    words = stream.metadata
    handler: str = words.get("handler_name", "")
    title: str = words.get("title", "") or words.get("name", "")
    return title or ("" if _PROGRAMS.search(handler) else handler)
