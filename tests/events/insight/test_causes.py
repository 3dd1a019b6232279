"""Causes of stalls: a row per situation, and what the evidence does not say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.insight.causes import (
    SENTENCES,
    Evidence,
    SeenRefusal,
    ServedTime,
    Stall,
    cause_of,
    sentence_of,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stall(seconds: float = 0.0, stalled_s: float = 4.0) -> Stall:
    return Stall(at(seconds), stalled_s)


def served(seconds: float = -4.0, **waits: float) -> ServedTime:
    return ServedTime(at(seconds), at(seconds + 5), **waits)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "cause"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"served": [served(client_s=5)]}, None, id="a-full-buffer-is-no-stall"),
        pytest.param({"stalls": [stall()]}, "unknown", id="nothing-seen"),
        pytest.param(
            {"stalls": [stall()], "served": [served(client_s=4)]}, "viewer-line", id="slow-line"
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(client_s=1)]}, "unknown", id="too-little"
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(client_s=4, disk_s=2)]},
            "server-disk",
            id="disk",
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(client_s=4, paced_s=3, disk_s=2)]},
            "limit",
            id="paced-more-than-the-disk-took",
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(lag_s=2, client_s=5)]}, "server-busy", id="lag"
        ),
        pytest.param(
            {"stalls": [stall(stalled_s=0.0)], "served": [served(disk_s=0.1)]},
            "unknown",
            id="a-moment-explains-nothing",
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(-30, disk_s=5), served(30, disk_s=5)]},
            "unknown",
            id="at-other-times",
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(client_s=4)], "dropped_frames": 25},
            "viewer-device",
            id="frames-dropped",
        ),
        pytest.param({"dropped_frames": 25}, "viewer-device", id="frames-dropped-without-a-stall"),
        pytest.param({"dropped_frames": 24}, None, id="a-few-frames"),
        pytest.param({"has_error": True}, "unknown", id="an-error-alone"),
        pytest.param({"refusals": [SeenRefusal(NOON, "ended")]}, "gone", id="ended"),
        pytest.param({"refusals": [SeenRefusal(NOON, "not-enrolled")]}, "gone", id="withdrawn"),
        pytest.param({"refusals": [SeenRefusal(NOON, "rate-limited")]}, "limit", id="too-many"),
        pytest.param(
            {"refusals": [SeenRefusal(NOON, "unavailable")]}, "server-busy", id="unavailable"
        ),
        pytest.param({"refusals": [SeenRefusal(NOON, "not-ready")]}, None, id="another-refusal"),
        pytest.param(
            {
                "stalls": [stall()],
                "served": [served(disk_s=4)],
                "refusals": [SeenRefusal(NOON, "rate-limited")],
            },
            "limit",
            id="refused-while-it-stalled",
        ),
        pytest.param(
            {
                "stalls": [stall()],
                "served": [served(disk_s=4)],
                "refusals": [SeenRefusal(at(60), "rate-limited")],
            },
            "server-disk",
            id="refused-later",
        ),
        pytest.param(
            {
                "stalls": [stall(), stall(60, 9.0)],
                "served": [served(disk_s=4), served(56, client_s=5)],
            },
            "viewer-line",
            id="the-longer-stall-counts",
        ),
    ],
)
def test_cause_of(evidence: dict[str, Any], cause: str | None) -> None:
    assert cause_of(Evidence(**evidence)) == cause


def test_each_cause_has_a_sentence_of_its_own() -> None:
    assert len({sentence_of(cause) for cause in SENTENCES}) == len(SENTENCES) == 8
