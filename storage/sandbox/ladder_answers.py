"""Checks of the plan of a ladder in a child's answer, which is untrusted input."""

from collections.abc import Sequence
from itertools import pairwise

from storage.errors import MediaCrashed
from storage.ladder.facts import Colours, LadderPlan, SoundRung, VideoRung

_MOST_RUNGS, _MOST_SIDE_PX = 64, 1 << 14
_MOST_BITRATE = 100_000_000
_MOST_S = 30 * 86400.0


def require_ladder_plan(plan: LadderPlan) -> None:
    """Refuse a plan that no film has: its names become files, its numbers divisors and budgets.

    Raises: MediaCrashed.
    """
    is_sound = (
        0 < plan.duration_s <= _MOST_S
        and plan.rate_numerator > 0
        and plan.rate_denominator > 0
        and plan.timescale % plan.frame_rate == 0
        and 0 < plan.picture_count <= _MOST_S * plan.frame_rate
        and 0 < len(plan.videos) <= _MOST_RUNGS
        and len(plan.sounds) <= _MOST_RUNGS
        and _rises(plan.segment_starts, plan.stop)
        and (not plan.piece_starts or _rises(plan.piece_starts, plan.stop))
        and {*plan.piece_starts} <= {*plan.segment_starts}
        and bool(plan.piece_starts) == bool(plan.coded)
        and len({rung.name for rung in plan.videos}) == len(plan.videos)
        and sum(rung.is_copied for rung in plan.videos) <= 1
        and all(map(_is_plain_video, plan.videos))
        and all(_is_plain_sound(n, rung) for n, rung in enumerate(plan.sounds))
        and (plan.colours is None or _are_plain_colours(plan.colours))
    )
    if not is_sound:
        raise MediaCrashed("the plan of the ladder is inconsistent")


def _rises(starts: Sequence[int], stop: int) -> bool:
    is_rising = all(one < next_one for one, next_one in pairwise(starts))
    return is_rising and bool(starts) and starts[0] == 0 and starts[-1] < stop


def _is_plain_video(rung: VideoRung) -> bool:
    return (
        rung.name in (f"v{rung.short_side}", f"av{rung.short_side}")
        and 0 < rung.width <= _MOST_SIDE_PX
        and 0 < rung.height <= _MOST_SIDE_PX
        and rung.every in (1, 2)
        and 0 < rung.max_bitrate <= _MOST_BITRATE
    )


def _is_plain_sound(number: int, rung: SoundRung) -> bool:
    return rung.name == ("audio" if number == 0 else f"audio{number}") and rung.stream_index >= 0


def _are_plain_colours(colours: Colours) -> bool:
    """True for numbers that fit the headers of films; encoders know which they take."""
    return all(0 <= one < 256 for one in (colours.matrix, colours.transfer, colours.primaries))
