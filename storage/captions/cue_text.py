"""Cue text: keeps the markup of WebVTT, escapes everything else.

Pure. Source: W3C WebVTT section 4.2.2 (cue text) and 6.4 (how browsers parse it). The output means
to a browser what the input meant; its tags are balanced, known and normalized, so that no other
markup can pass, and cleaning it again changes nothing.
"""

import html
import re

from storage.captions.language_tags import canonical_tag
from storage.captions.webvtt import format_time, parse_time

TAGS = frozenset({"b", "c", "i", "lang", "ruby", "rt", "u", "v"})
DROPPED = frozenset({"font"})  # SRT's colours: distracting if shown as text
MAX_DEPTH = 16  # nested tags; deeper ones are dropped

_MARKUP = re.compile(r"<([^<>]*)>")
_TAG = re.compile(
    r"(?P<end>/?)(?P<name>[A-Za-z]+)(?P<classes>(?:\.[A-Za-z0-9_-]+)*)(?:\s+(?P<annotation>.*))?",
    re.DOTALL,
)
# Only with its semicolon: `R&notes` is a name, not a sign of negation.
_REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def clean_cue_text(text: str, start_ms: int, end_ms: int) -> str:
    """The text of a cue shown between those times; '' where nothing visible is left."""
    markup = _Markup(start_ms, end_ms)
    for place, part in enumerate(_MARKUP.split(text)):
        if place % 2:
            markup.add_tag(part)
        elif part:
            markup.add_text(part)
    return "\n".join(_lines(markup.finish())) if markup.has_words else ""


def clean_title(text: str) -> str:
    """The title of a chapter: its words on one line, without tags."""
    words = _MARKUP.sub(lambda found: "" if _is_known(found[1]) else found[0], text)
    return " ".join(_escape(words).split())


class _Markup:
    """A writer of markup; `_open` are the tags that are still to be closed."""

    def __init__(self, start_ms: int, end_ms: int) -> None:
        self._now_ms = start_ms
        self._end_ms = end_ms
        self.has_words = False
        self._open: list[str] = []
        self._written: list[str] = []

    def finish(self) -> str:
        while self._open:
            self._close()
        return "".join(self._written)

    def add_text(self, text: str) -> None:
        written = _escape(text)
        self.has_words = self.has_words or bool(written.strip())
        self._written.append(written)

    def add_tag(self, content: str) -> None:
        """Handle a tag, given the text between `<` and `>`."""
        if (time_ms := parse_time(content)) is not None:
            self._add_time(time_ms)
        elif (found := _known_tag(content)) is None:
            self.add_text(f"<{content}>")
        elif found["end"]:
            self._end(found["name"].lower())
        else:
            self._start(found["name"].lower(), found["classes"], found["annotation"] or "")

    def _add_time(self, time_ms: int) -> None:
        """Write a timestamp tag, unless it is not later than the one before it."""
        if self._now_ms < time_ms < self._end_ms:
            self._now_ms = time_ms
            self._written.append(f"<{format_time(time_ms)}>")

    def _start(self, name: str, classes: str, annotation: str) -> None:
        if name in DROPPED or (name == "rt" and self._open[-1:] != ["ruby"]):
            return
        self._open.append(name)
        self._write_tag(f"{name}{classes}{_build_annotation(name, annotation)}")

    def _end(self, name: str) -> None:
        """Close the innermost tag or, as browsers do, the ruby around its last text."""
        if name == "ruby" and self._open[-1:] == ["rt"]:
            self._close()
        if self._open[-1:] == [name]:
            self._close()

    def _close(self) -> None:
        self._write_tag(f"/{self._open[-1]}")
        self._open.pop()

    def _write_tag(self, content: str) -> None:
        if len(self._open) <= MAX_DEPTH:
            self._written.append(f"<{content}>")


def _is_known(content: str) -> bool:
    return parse_time(content) is not None or _known_tag(content) is not None


def _known_tag(content: str) -> re.Match[str] | None:
    found = _TAG.fullmatch(content)
    return found if found and found["name"].lower() in TAGS | DROPPED else None


def _build_annotation(name: str, text: str) -> str:
    """The annotation of `<v>` (speaker) or `<lang>` (language); the other tags have none."""
    words = " ".join(_decode_references(text).split())
    if name == "lang":
        words = canonical_tag(words) or ""
    elif name != "v":
        words = ""
    return f" {html.escape(words, quote=False)}" if words else ""


def _escape(text: str) -> str:
    return html.escape(_decode_references(text), quote=False)


def _decode_references(text: str) -> str:
    """Replace character references; one of a line break becomes a space."""
    return _REFERENCE.sub(lambda found: _CONTROL.sub(" ", html.unescape(found[0])), text)


def _lines(text: str) -> list[str]:
    """Drop empty lines: one would end the cue."""
    return [line for line in map(str.strip, text.split("\n")) if line]
