"""Causes of stalls: a row per situation, and what the evidence does not say."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from events.insight.sessions.causes import (
    SENTENCES,
    DroppedFrames,
    Evidence,
    SeenRefusal,
    ServedTime,
    Stall,
    cause_of,
    is_shared,
    sentence_of,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stall(seconds: float = 0.0, stalled_s: float = 4.0, *, is_shared: bool = False) -> Stall:
    return Stall(at(seconds), stalled_s, is_shared)


def dropped(*counts: int, seconds: float = 0.0) -> list[DroppedFrames]:
    return [DroppedFrames(at(seconds), count) for count in counts]


def served(seconds: float = -4.0, sent_bytes: int = 9, **waits: float) -> ServedTime:
    return ServedTime(at(seconds), at(seconds + 5), sent_bytes=sent_bytes, **waits)


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
            {"stalls": [stall(stalled_s=1)], "served": [served(-10.5, 0, client_s=5)]},
            "unknown",
            id="a-pause-before-it-in-which-nothing-was-read",
        ),
        pytest.param(
            {"stalls": [stall(stalled_s=1)], "served": [served(-10.5, client_s=5)]},
            "viewer-line",
            id="a-slow-line-before-it",
        ),
        pytest.param(
            {
                "stalls": [stall()],
                "served": [served(-9, client_s=5), served(-4, 0, client_s=5)],
            },
            "unknown",
            id="a-decoder-that-hung-and-read-no-more",
        ),
        pytest.param(
            {
                "stalls": [stall(stalled_s=12)],
                "served": [
                    served(-14, 0, client_s=5),
                    served(-9, 0, client_s=5),
                    served(client_s=1),
                ],
            },
            "viewer-line",
            id="a-line-that-was-cut-and-is-back",
        ),
        pytest.param(
            {"stalls": [stall(is_shared=True)], "served": [served(-4, 0, client_s=4)]},
            "proxy",
            id="a-proxy-that-takes-nothing-of-anybody",
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
            {"stalls": [stall()], "served": [served(client_s=4)], "dropped": dropped(20, 5)},
            "viewer-device",
            id="frames-dropped",
        ),
        pytest.param(
            {
                "stalls": [stall()],
                "served": [served(client_s=4)],
                "dropped": dropped(200, seconds=60),
            },
            "viewer-line",
            id="frames-dropped-at-another-time",
        ),
        pytest.param(
            {"dropped": dropped(25)}, "viewer-device", id="frames-dropped-without-a-stall"
        ),
        pytest.param({"dropped": dropped(24)}, None, id="a-few-frames"),
        pytest.param(
            {"dropped": [*dropped(20), *dropped(20, seconds=11)]}, None, id="a-few-now-and-then"
        ),
        pytest.param(
            {"dropped": [*dropped(20), *dropped(5, seconds=10)]},
            "viewer-device",
            id="frames-dropped-within-10-seconds",
        ),
        pytest.param(
            {"stalls": [stall(is_shared=True)], "served": [served(client_s=4)]},
            "proxy",
            id="most-viewers-waited-at-once",
        ),
        pytest.param(
            {"stalls": [stall(is_shared=True)], "served": [served(client_s=4, disk_s=2)]},
            "server-disk",
            id="most-viewers-waited-for-the-disk",
        ),
        pytest.param(
            {"stalls": [stall(is_shared=True)]}, "unknown", id="others-waited-and-nothing-seen"
        ),
        pytest.param({"stalls": [stall()], "is_by_edge": True}, "edge", id="bytes-of-an-edge"),
        pytest.param(
            {"stalls": [stall()], "is_by_edge": True, "is_whole": False},
            "unknown",
            id="bytes-of-an-edge-and-a-killed-process",
        ),
        pytest.param(
            {
                "stalls": [stall()],
                "served": [served(client_s=4)],
                "is_by_edge": True,
                "is_whole": False,
            },
            "edge",
            id="an-edge-that-took-no-bytes",
        ),
        pytest.param(
            {"stalls": [stall()], "served": [served(disk_s=4)], "is_by_edge": True},
            "server-disk",
            id="an-edge-that-waited-for-the-disk",
        ),
        pytest.param({"is_by_edge": True}, None, id="an-edge-without-a-stall"),
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
    assert len({sentence_of(cause) for cause in SENTENCES}) == len(SENTENCES) == 10


@pytest.mark.parametrize(
    ("waiting", "served", "expected"),
    [(2, 2, False), (3, 3, True), (3, 6, True), (3, 7, False), (0, 0, False), (50, 101, False)],
)
def test_a_wait_is_shared_by_half_of_the_viewers_and_no_less_than_three(
    waiting: int, served: int, expected: bool
) -> None:
    assert is_shared(waiting, served) is expected
