"""WebVTT output: cues in a canonical form. Pure.

Source: W3C WebVTT section 4 (syntax). The output holds cues and nothing else: no identifiers,
comments, regions or style sheets.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_TIME_MS = 100 * 3600 * 1000  # two digits of hours; no recording is longer

# Tools write fewer digits than the standard requires, and SRT's comma.
TIME = r"(?:([0-9]{1,4}):)?([0-5]?[0-9]):([0-5]?[0-9])[.,]([0-9]{3})"
_TIME = re.compile(TIME)
_RATIO = r"(?:100(?:\.0{1,3})?|[0-9]{1,2}(?:\.[0-9]{1,3})?)%"
_SETTING = re.compile(
    r"vertical:(?:rl|lr)"
    rf"|line:(?:-?[0-9]{{1,3}}|{_RATIO})(?:,(?:start|center|end))?"
    rf"|position:{_RATIO}(?:,(?:line-left|center|line-right))?"
    rf"|size:{_RATIO}"
    r"|align:(?:start|center|end|left|right)"
)


@dataclass(frozen=True, slots=True)
class Cue:
    """`text` is markup as written by `cue_text`; `settings` are those of section 4.4, or ''."""

    start_ms: int
    end_ms: int
    settings: str
    text: str


def write_webvtt(cues: Iterable[Cue]) -> str:
    return "WEBVTT\n" + "".join(f"\n{_timings(cue)}\n{cue.text}\n" for cue in cues)


def parse_time(text: str) -> int | None:
    """Milliseconds; None for an invalid time, or one past `MAX_TIME_MS`."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds, milliseconds = (int(digits or 0) for digits in found.groups())
    time_ms = ((hours * 60 + minutes) * 60 + seconds) * 1000 + milliseconds
    return time_ms if time_ms < MAX_TIME_MS else None


def format_time(time_ms: int) -> str:
    seconds, milliseconds = divmod(time_ms, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}.{milliseconds:03}"


def filter_settings(text: str) -> str:
    """The settings that a browser would apply, each once; the last of several wins."""
    kept = {}
    for setting in text.split():
        if _SETTING.fullmatch(setting):
            kept[setting.partition(":")[0]] = setting
    return " ".join(kept.values())


def _timings(cue: Cue) -> str:
    times = f"{format_time(cue.start_ms)} --> {format_time(cue.end_ms)}"
    return f"{times} {cue.settings}" if cue.settings else times
