"""Names of downloads: the Content-Disposition field (RFC 6266, RFC 8187).

Pure. The uploader chose the name, so nothing in it may end the header, the quotes or the directory
it is saved to. It does not decide which file is sent.
"""

import re
import unicodedata
from urllib.parse import quote

LONGEST_NAME_BYTES = 255  # NAME_MAX of the file systems that it is saved to
NAMELESS = "video"

# RFC 8187 section 3.2.1: attr-char without the letters and digits.
_ATTR_CHARS = "!#$&+-.^_`|~"
# What people call videos; the end of "Week 1.2" is none of them.
_VIDEO_EXTENSION = re.compile(r"\.(mp4|m4v|mov|qt|3gp|webm|mkv)\Z", re.IGNORECASE)
_SEPARATORS = re.compile(r"[/\\]")
# They turn the text around, so that "gpm.exe" reads as "exe.mpg".
_DIRECTION_MARKS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
# Line breaks of any kind, and halves of characters, which UTF-8 cannot say.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Quotes and backslashes are read differently by different clients, and so is a percent sign
# (RFC 6266 appendix D); the others may not be in a name on Windows.
_NOT_IN_FALLBACK = re.compile(r'[^ -~]|["\\%<>:|?*]')


def attachment(original_filename: str, title: str, extension: str) -> str:
    """The field's value: a name in ASCII for old clients, the whole name for all others."""
    name = download_name(original_filename, title, extension)
    encoded = quote(name, safe=_ATTR_CHARS)
    return f"attachment; filename=\"{_ascii_name(name)}\"; filename*=UTF-8''{encoded}"


def download_name(original_filename: str, title: str, extension: str) -> str:
    """The uploaded file's name, else the title, with the extension of what is really sent."""
    last_part = _SEPARATORS.split(original_filename)[-1]
    stem = _stem(last_part) or _stem(_SEPARATORS.sub("-", title)) or NAMELESS
    ending = f".{extension}"
    room_bytes = LONGEST_NAME_BYTES - len(ending)
    return stem.encode()[:room_bytes].decode("utf-8", "ignore").rstrip(" .") + ending


def _stem(name: str) -> str:
    """Printable, without its video extension; no dot in front would hide the file."""
    printable = (one for one in name if _is_printable(one))
    kept = "".join(" " if one.isspace() else one for one in printable).rstrip(" .")
    return _VIDEO_EXTENSION.sub("", kept).strip(" .")


def _is_printable(one: str) -> bool:
    return unicodedata.category(one) not in _UNPRINTABLE and one not in _DIRECTION_MARKS


def _ascii_name(name: str) -> str:
    """Letters lose their accents; what has no like in ASCII becomes an underscore."""
    stem, dot, extension = name.rpartition(".")
    decomposed = unicodedata.normalize("NFKD", stem)
    bare = "".join(one for one in decomposed if not unicodedata.combining(one))
    fallback = _NOT_IN_FALLBACK.sub("_", bare)
    is_telling = any(one.isalnum() for one in fallback)
    return (fallback if is_telling else NAMELESS) + dot + extension
