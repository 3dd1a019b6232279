"""Resource limits for a transcode, in proportion to pixels and length, whoever made it up. Pure."""

import math
from dataclasses import dataclass

# A tenth of what one core of a small server does in 2026, and less than any machine in use.
SLOWEST_PIXELS_PER_CPU_S = 4_000_000
_LEAST_CPU_S = 120
# Six times what a stereo track takes: half an hour of Opus to AAC took 70 s, under load.
_SOUND_CPU_S_PER_S = 0.25
# Background work gives way: the clock may run so much longer than the work takes.
_MOST_WAIT_RATIO = 4
_USUAL_RATE = 30.0
_MEMORY_BYTES = 1 << 30
"""Libraries, and all that does not grow with the picture."""
_MEMORY_BYTES_PER_PIXEL = 256
"""Decoder, filters and look-ahead hold some 80 pictures of 1.5 to 3 bytes a pixel."""
_FILE_BITS_PER_PIXEL = 1.0
"""Ten times what a lecture takes, five times what grain in every picture does."""
_FILE_BYTES = 64 << 20
_SOUND_BYTES_PER_S = 100_000
"""Four stereo tracks, of 24,400 each as measured."""


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """Past these the work ends in a failure."""

    cpu_s: int
    timeout_s: float
    memory_bytes: int
    file_bytes: int


def transcode_budget(
    width: int, height: int, duration_s: float, frame_rate: float | None, source_bytes: int
) -> WorkLimits:
    """Budget for a picture as shown; `source_bytes` may come along as they are."""
    pixels = width * height
    all_pixels = pixels * duration_s * (frame_rate or _USUAL_RATE)
    sound_cpu_s, sound_bytes = duration_s * _SOUND_CPU_S_PER_S, duration_s * _SOUND_BYTES_PER_S
    cpu_s = all_pixels / SLOWEST_PIXELS_PER_CPU_S + sound_cpu_s
    made_bytes = math.ceil(all_pixels * _FILE_BITS_PER_PIXEL / 8 + sound_bytes)
    memory_bytes = _MEMORY_BYTES + pixels * _MEMORY_BYTES_PER_PIXEL
    return work_limits(cpu_s, memory_bytes, _FILE_BYTES + source_bytes + made_bytes)


def work_limits(cpu_s: float, memory_bytes: int, file_bytes: int) -> WorkLimits:
    """Limits for work that takes at most that much of the processor on a slow machine."""
    bounded_s = math.ceil(_LEAST_CPU_S + cpu_s)
    return WorkLimits(
        cpu_s=bounded_s,
        timeout_s=float(bounded_s * _MOST_WAIT_RATIO),
        memory_bytes=memory_bytes,
        file_bytes=file_bytes,
    )
