"""`run_server.py` without figures of viewing, quality and causes: the base of
`benchmarks.viewing.figures_cost`.

Reports and requests are answered as ever; nothing is measured, summed up, kept or stored of them.
Switched off where each begins, so that what it computes and writes is gone too.
"""

import sys
from collections.abc import Sequence
from typing import Any

import run_server
from events.distributions import Distribution
from events.insight.sessions import cmcd_sessions, observations
from events.progress import merging, viewing
from handlers.transfers import figures, media_measurer, watching

# Their periodic tasks find nothing to do, once a day.
SELDOM_S = 86_400.0


class NoDistribution(Distribution):
    """Observes nothing."""

    __slots__ = ()

    def observe(self, number: float) -> None:
        pass


def nothing(*_: object) -> None:
    """Does nothing."""


def no_changes(*_: object) -> list[object]:
    """Finds nothing that follows from a batch of reports."""
    return []


REPLACED: Sequence[tuple[Any, str, object]] = (
    (viewing, "changes", no_changes),
    (merging._SessionProgress, "measure", nothing),
    (media_measurer.MediaMeasurer, "note", nothing),
    (observations.Observations, "refuse", nothing),
    (watching.TransferWatch, "finished", nothing),
    (watching, "INTERVAL_S", SELDOM_S),
    (observations, "STORE_INTERVAL_S", SELDOM_S),
    (cmcd_sessions, "INTERVAL_S", SELDOM_S),
    (figures, "Distribution", NoDistribution),
)


def switch_off() -> None:
    for owner, name, replacement in REPLACED:
        if not hasattr(owner, name):
            raise AttributeError(f"{owner!r} has no {name} to switch off")
        setattr(owner, name, replacement)


if __name__ == "__main__":
    switch_off()
    sys.exit(run_server.main(sys.argv[1:]))
