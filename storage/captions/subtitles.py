"""Parses WebVTT and SRT into cues. Pure, and linear in the input.

Lenient with the output of tools (times with fewer digits or a comma, cues without numbers, CRLF, a
byte order mark, unknown settings). A cue that players would not show is dropped with a warning: one
without duration or visible text, and text after an empty line within a cue. Where a guess could
lose more than a cue the file is refused with the line at fault. Comments, regions, style sheets and
identifiers are dropped silently. `cue_text` decides which markup stays.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from storage.captions.cue_text import clean_cue_text, clean_title
from storage.captions.webvtt import TIME, Cue, filter_settings, parse_time
from storage.errors import InvalidSubtitles

MAX_CUES = 20_000  # one a second for five hours
MAX_WARNINGS = 100  # listed of one file; its other faults are of the same kinds
MAX_CUE_CHARACTERS = 2_000  # a minute of fast speech; a screen holds fewer

ARROW = "-->"
EXAMPLE = "00:00:01.000 --> 00:00:02.500"
_TIMINGS = re.compile(
    rf"[ \t]*+(?P<start>{TIME})[ \t]*+{ARROW}[ \t]*+(?P<end>{TIME})(?:[ \t]++(?P<settings>.*))?"
)
_HEADER = re.compile(r"WEBVTT(?:[ \t].*)?")
_NO_CUE = re.compile(r"NOTE(?:[ \t].*)?|(?:STYLE|REGION)[ \t]*")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Override tags of another format (ASS) that SRT players support: alignment by numeric keypad.
_OVERRIDE = re.compile(r"\{\\(?:an?[0-9]{1,2}|[bius][01]|pos\([0-9., ]*\))\}")
_AT_THE_TOP = re.compile(r"\{\\an[789]\}")

TextCleaner = Callable[[str, int, int], str]


class Block(NamedTuple):
    """Consecutive non-empty lines, and the number of the first."""

    number: int
    lines: Sequence[str]


class CueWarning(msgspec.Struct, frozen=True):
    """A cue, or text, that was left out; `line` counts from 1."""

    line: int
    detail: str


class Subtitles(NamedTuple):
    """Cues in the order of their start, and the faults that cost some, `MAX_WARNINGS` at most."""

    cues: tuple[Cue, ...]
    warnings: tuple[CueWarning, ...]


class _CueLeftOut(Exception):
    def __init__(self, line: int, detail: str) -> None:
        super().__init__(detail)
        self.warning = CueWarning(line, detail)


def read_captions(content: bytes) -> Subtitles:
    """Raises: InvalidSubtitles, also where no cue is left."""
    return _read(content, clean_cue_text)


def read_chapters(content: bytes) -> Subtitles:
    """Like `read_captions`, with titles for text. Raises: InvalidSubtitles."""
    return _read(content, lambda text, start_ms, end_ms: clean_title(text))


def _read(content: bytes, clean: TextCleaner) -> Subtitles:
    lines = _lines(content)
    is_webvtt = _HEADER.fullmatch(lines[0]) is not None
    # In SRT a line of blanks counts as empty; in WebVTT it can be part of a cue.
    blocks = _webvtt_cues(_blocks(lines)) if is_webvtt else _blocks([one.strip() for one in lines])
    cues: list[Cue] = []
    warnings: list[CueWarning] = []
    for count, block in enumerate(blocks, 1):
        if count > MAX_CUES:
            raise InvalidSubtitles.at(block.number, f"there are more than {MAX_CUES} cues")
        try:
            # The first block of a file without a signature has to be a cue, or a cue's number.
            if count > 1 or is_webvtt or block.lines[0].isdecimal():
                _require_times(block)
            cues.append(_cue(block, clean, is_webvtt=is_webvtt))
        except _CueLeftOut as exc:
            warnings.append(exc.warning)
    if not cues:
        first = warnings[0] if warnings else CueWarning(1, "there is no cue in it")
        raise InvalidSubtitles.at(first.line, first.detail)
    ordered = sorted(cues, key=lambda cue: cue.start_ms)
    return Subtitles(tuple(ordered), tuple(warnings[:MAX_WARNINGS]))


def _lines(content: bytes) -> list[str]:
    content = content.removeprefix(codecs.BOM_UTF8)
    try:
        text = content.decode()
    except UnicodeDecodeError as exc:
        number = content.count(b"\n", 0, exc.start) + 1
        raise InvalidSubtitles.at(number, "this is not UTF-8; save the file as UTF-8") from exc
    return _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    start = 0
    for place, line in enumerate([*lines, ""]):
        if line:
            continue
        if start < place:
            yield Block(start + 1, lines[start:place])
        start = place + 1


def _webvtt_cues(blocks: Iterator[Block]) -> Iterator[Block]:
    _require_no_times(next(blocks))  # the header
    return (block for block in blocks if not _NO_CUE.fullmatch(block.lines[0]))


def _cue(block: Block, clean: TextCleaner, *, is_webvtt: bool) -> Cue:
    place = 0 if ARROW in block.lines[0] else 1  # after a number or identifier
    start_ms, end_ms, settings = _timings(block, place)
    spoken = Block(block.number + place + 1, block.lines[place + 1 :])
    _require_no_times(spoken)
    text = "\n".join(spoken.lines)
    if not is_webvtt:
        settings, text = _split_overrides(text)
    _require_short(text, spoken.number)
    text = clean(text, start_ms, end_ms)
    _require_short(text, spoken.number)  # escaping lengthens it
    if not text:
        raise _CueLeftOut(block.number + place, "this cue has no text to show")
    return Cue(start_ms, end_ms, filter_settings(settings), text)


def _split_overrides(text: str) -> tuple[str, str]:
    """Split the ASS overrides of an SRT cue from its text; returns them as settings of WebVTT."""
    return "line:0" if _AT_THE_TOP.search(text) else "", _OVERRIDE.sub("", text)


def _timings(block: Block, place: int) -> tuple[int, int, str]:
    """Parse the line at this index of the block as start, end and settings."""
    number = block.number + place
    found = _TIMINGS.fullmatch(block.lines[place]) if place < len(block.lines) else None
    if found is None:
        raise InvalidSubtitles.at(number, f"times are expected here, like {EXAMPLE}")
    start_ms, end_ms = parse_time(found["start"]), parse_time(found["end"])
    if start_ms is None or end_ms is None:
        raise InvalidSubtitles.at(number, "times go up to 99:59:59.999")
    if end_ms <= start_ms:
        raise _CueLeftOut(number, "a cue ends after it starts")
    return start_ms, end_ms, found["settings"] or ""


def _require_times(block: Block) -> None:
    """Leave out text without times: it follows an empty line within a cue, or nothing at all."""
    if not any(_may_be_times(line) for line in block.lines):
        raise _CueLeftOut(block.number, "text without times: an empty line ends a cue")


def _require_no_times(block: Block) -> None:
    """Refuse an arrow after a number: it begins the next cue, whose words would be lost."""
    for number, line in enumerate(block.lines, block.number):
        if _may_be_times(line):
            raise InvalidSubtitles.at(number, "an empty line is missing before these times")


def _may_be_times(line: str) -> bool:
    return ARROW in line and line.lstrip()[:1].isdecimal()


def _require_short(text: str, number: int) -> None:
    if len(text) > MAX_CUE_CHARACTERS:
        raise InvalidSubtitles.at(number, f"this cue has more than {MAX_CUE_CHARACTERS} characters")
