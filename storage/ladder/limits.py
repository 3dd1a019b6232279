"""Resource limits for the work on a ladder, in proportion to its pictures and sounds. Pure."""

import math

from storage.conversion.transcode_limits import (
    SLOWEST_PIXELS_PER_CPU_S,
    WorkLimits,
    work_limits,
)
from storage.ladder.facts import LadderPlan, PiecePlaces, VideoRung

# Of the address space; 1080p takes half a gigabyte, and two with AV1 (docs/performance/ladder.md).
_MEMORY_BYTES = 1 << 30
_MEMORY_BYTES_PER_PIXEL = 128
# AV1's encoder holds its pictures, references and motion fields many times over.
_AV1_MEMORY_BYTES = 1 << 29
_AV1_MEMORY_BYTES_PER_PIXEL = 512
# Pictures before a piece that have to be decoded to begin it.
_MOST_BEFORE_S = 20
_FILE_BYTES = 16 << 20
_SOUND_BYTES_PER_S = 64_000
_SLOWEST_SOUND_RATIO = 4
"""Seconds of sound coded in a second."""
_LEAST_READ_BYTES_PER_S = 2_000_000


def piece_limits(plan: LadderPlan, piece: PiecePlaces) -> WorkLimits:
    """Limits to encode the rungs of a piece."""
    rungs, rate = plan.coded, plan.frame_rate
    pictures = piece.stop - piece.start
    decoded = plan.source_pixels * float(pictures + _MOST_BEFORE_S * rate)
    coded = sum(_pixels(rung) * pictures / rung.every for rung in rungs)
    length_s = float(pictures / rate)
    cap = max(rung.max_bitrate for rung in rungs)
    modern = [rung for rung in rungs if rung.codec == "av1"]
    memory = _MEMORY_BYTES + _AV1_MEMORY_BYTES * bool(modern)
    memory += _MEMORY_BYTES_PER_PIXEL * (plan.source_pixels + sum(map(_pixels, rungs)))
    memory += _AV1_MEMORY_BYTES_PER_PIXEL * sum(map(_pixels, modern))
    return _limits((decoded + coded) / SLOWEST_PIXELS_PER_CPU_S, memory, cap / 4 * length_s)


def sound_limits(plan: LadderPlan) -> WorkLimits:
    """Limits to encode one track of the whole film."""
    seconds = plan.duration_s / _SLOWEST_SOUND_RATIO
    return _limits(seconds, _MEMORY_BYTES, plan.duration_s * _SOUND_BYTES_PER_S)


def reading_limits(source_bytes: int) -> WorkLimits:
    """Limits to read all packets of the source, and write no more than them."""
    seconds = source_bytes / _LEAST_READ_BYTES_PER_S
    return _limits(seconds, _MEMORY_BYTES, source_bytes * 1.25)


def _limits(cpu_s: float, memory_bytes: int, file_bytes: float) -> WorkLimits:
    return work_limits(cpu_s, memory_bytes, _FILE_BYTES + math.ceil(file_bytes))


def _pixels(rung: VideoRung) -> int:
    return rung.width * rung.height
