"""Figures of delivery for operators: the sizes of answers, and how long they take.

Kept by `Transfers`, read by the metrics; no person and no video is in them.
"""

from enum import Enum

from events.distributions import LONG_BOUNDS_S, SHORT_BOUNDS_S, SIZE_BOUNDS, Distribution

FULL_AFTER_S = 1.0  # a client that has taken nothing for so long is waited for


class Doing(Enum):
    """State of a transfer at the moment: it sends, or waits for something."""

    SENDING = "sending"
    CLIENT = "client"  # its socket has been full for `FULL_AFTER_S`
    DISK = "disk"
    PACED = "paced"


class PurposeFigures:
    """The figures of one purpose.

    `first_byte_s` and `duration_s` are of transfers alone: an answer that goes at once, in the turn
    of the loop after its request, needs none.
    """

    __slots__ = ("asked_bytes", "duration_s", "first_byte_s")

    def __init__(self) -> None:
        self.asked_bytes = Distribution(SIZE_BOUNDS)
        self.first_byte_s = Distribution(SHORT_BOUNDS_S)
        self.duration_s = Distribution(LONG_BOUNDS_S)
