"""Metrics of delivery: transfers, the ranges that they answer, and what limits refuse."""

from events.distributions import LONG_BOUNDS_S, SHORT_BOUNDS_S, SIZE_BOUNDS
from events.metrics import Metrics
from handlers.access.rate_limits import PlayingLimits, ReportLimits
from handlers.transfers.transfers import PURPOSES, Transfers


def follow_transfers(metrics: Metrics, transfers: Transfers) -> None:
    metrics.gauge(
        "transfers_running",
        "Answers with a video's or a picture's bytes that are on their way.",
        lambda: {purpose: transfers.count(purpose) for purpose in PURPOSES},
        label="purpose",
    )
    metrics.count(
        "sent_bytes",
        "Bytes of videos and pictures that were sent.",
        lambda: {purpose: transfers.sent_bytes(purpose) for purpose in PURPOSES},
        label="purpose",
    )

    metrics.gauge(
        "transfers_by_state",
        "Transfers that send, or wait: for the client (its socket is full), the disk, their pace.",
        transfers.count_by_doing,
        label="state",
    )
    metrics.count(
        "transfers_broken",
        "Answers with a video's or a picture's bytes that did not come to their end.",
        lambda: transfers.broken_counts,
        label="reason",
    )
    _follow_answer_figures(metrics, transfers)


def _follow_answer_figures(metrics: Metrics, transfers: Transfers) -> None:
    figures = transfers.figures
    metrics.histogram(
        "range_bytes",
        "Sizes of the ranges, or whole files, that were answered.",
        lambda: {purpose: one.asked_bytes for purpose, one in figures.items()},
        SIZE_BOUNDS,
        label="purpose",
    )
    metrics.histogram(
        "transfer_first_byte_seconds",
        "From an answer's admission to the first bytes of its body; without those sent at once.",
        lambda: {purpose: one.first_byte_s for purpose, one in figures.items()},
        SHORT_BOUNDS_S,
        label="purpose",
    )
    metrics.histogram(
        "transfer_duration_seconds",
        "From an answer's admission to its last byte; without those sent at once.",
        lambda: {purpose: one.duration_s for purpose, one in figures.items()},
        LONG_BOUNDS_S,
        label="purpose",
    )


def follow_refusals(metrics: Metrics, playing: PlayingLimits, reports: ReportLimits) -> None:
    metrics.count(
        "refusals",
        "Requests refused by a limit of their user: requests, streams at once, reports.",
        lambda: {**playing.refused_counts, "reports": reports.refused_count},
        label="limit",
    )
