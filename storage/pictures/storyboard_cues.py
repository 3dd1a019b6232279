"""Index of a storyboard: WebVTT (W3C) with cues that point into the sheets (Media Fragments 4.2.2).

Pure. Every address is a bare name, so that the index is valid anywhere beside its sheets.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from storage.media.facts import SHEET_COLUMNS, TILES_PER_SHEET, Storyboard


def write_cues(board: Storyboard, sheet_names: Sequence[str], duration_s: float) -> str:
    """One cue per tile, from its frame's time to the next one's, the last to the end."""
    last_s = max(duration_s, board.times_s[-1] + 0.001)
    spans = pairwise([*board.times_s, last_s])
    cues = (
        f"{_time(start_s)} --> {_time(stop_s)}\n{sheet_names[sheet]}#xywh={place}\n"
        for (start_s, stop_s), (sheet, place) in zip(spans, _places(board), strict=True)
    )
    return "\n".join(["WEBVTT\n", *cues])


def _places(board: Storyboard) -> Iterator[tuple[int, str]]:
    """Sheet and position of each tile."""
    width_px, height_px = board.tile_width_px, board.tile_height_px
    for number in range(len(board.times_s)):
        sheet, tile = divmod(number, TILES_PER_SHEET)
        row, column = divmod(tile, SHEET_COLUMNS)
        yield sheet, f"{column * width_px},{row * height_px},{width_px},{height_px}"


def _time(seconds: float) -> str:
    """W3C WebVTT section 4.3: hours, minutes, seconds, thousandths."""
    minutes, thousandths = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{thousandths // 1000:02}.{thousandths % 1000:03}"
