"""`run_server.py` without figures of viewing, quality and causes: the base of
`benchmarks.figures_cost`.

Reports and requests are answered as ever; nothing is measured, summed up, kept or stored of them.
Switched off where each begins, so that what it computes and writes is gone too.
"""

import sys
from typing import Any

import run_server
from events.distributions import Distribution
from events.insight import cmcd_sessions, observations
from events.progress import merging, viewing
from handlers.transfers import figures, media_measurer, watching

# Their periodic tasks find nothing to do, once a day.
SELDOM_S = 86_400.0


class NoDistribution(Distribution):
    """Observes nothing."""

    __slots__ = ()

    def observe(self, number: float) -> None:
        pass


def switch_off() -> None:
    def nothing(*_: object) -> Any:
        return None

    viewing.changes = lambda *_: []
    merging._Session.measure = nothing  # type: ignore[method-assign]
    media_measurer.MediaMeasurer.note = nothing  # type: ignore[method-assign]
    observations.Observations.refuse = nothing  # type: ignore[method-assign]
    watching.TransferWatch.finished = nothing  # type: ignore[method-assign]
    watching.INTERVAL_S = observations.STORE_INTERVAL_S = cmcd_sessions.INTERVAL_S = SELDOM_S
    figures.Distribution = NoDistribution  # type: ignore[assignment, misc]


if __name__ == "__main__":
    switch_off()
    sys.exit(run_server.main(sys.argv[1:]))
