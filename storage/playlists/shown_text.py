"""Text of users within playlists: titles, languages. Pure.

Neither format can escape everything: a quoted string of HLS holds no quote and no line break
(RFC 8216 s. 4.2), and XML has no way to write most control characters (XML 1.0 s. 2.2).
"""

import re
import unicodedata

from storage.playlists.language_codes import shortest_tag

_MAX_LENGTH = 200
# Control characters, surrogates, characters that are none; separators of lines.
_UNWRITABLE = re.compile(
    "[^\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]+"
)
# BCP 47, well-formed enough for xs:language.
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_UNKNOWN_LANGUAGE = "und"


def clean_text(text: str) -> str:
    """One line of at most 200 characters, in normalization form C as RFC 8216 s. 4 asks for."""
    line = " ".join(_UNWRITABLE.sub(" ", text).split())
    return unicodedata.normalize("NFC", line)[:_MAX_LENGTH].rstrip()


def quote(text: str) -> str:
    """A quoted string of HLS.

    `{$` begins a variable, and one that nobody has defined makes players refuse the playlist.
    """
    replaced = clean_text(text).replace('"', "\N{RIGHT DOUBLE QUOTATION MARK}").replace("{$", "{ $")
    return f'"{replaced}"'


def known_language(tag: str | None) -> str | None:
    """The tag, as short as it can be, if it is well-formed and names a language."""
    if tag is None or not _LANGUAGE.fullmatch(tag) or tag.lower() == _UNKNOWN_LANGUAGE:
        return None
    return shortest_tag(tag)
