"""Playback quality over HTTP: from reports to figures, by day, video, device and browser."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.handlers.support.watching import Course, new_course, new_player

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/140.0.0.0 Safari/537.36"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1"
)


@pytest_asyncio.fixture(loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


async def watch(course: Course, video: str, user: str, agent: str, **more: Any) -> None:
    said = {
        "session_id": "s",
        "sequence": 0,
        "position": 0,
        "watched": [[0, 4]],
        "event": "started",
    }
    answer = await course.service.ask(
        user, "PUT", f"videos/{video}/progress", said | more, headers={"User-Agent": agent}
    )
    assert answer.said == "200", answer.body


async def read(course: Course, path: str, **options: Any) -> Any:
    answer = await course.service.ask(course.instructor, "GET", f"analytics/{path}", **options)
    assert answer.said == "200", answer.body
    return answer


async def test_quality_is_shown_by_day_video_device_and_browser(course: Course) -> None:
    """Five play 4 s each in Chrome at 2 Mbit/s, and wait for half a second; one in Safari."""
    video = await course.video()
    for number in range(5):
        await course.enroll(f"viewer-{number}")
        quality = {
            "startup_ms": 2000, "stalls": 1, "stalled_ms": 500, "bitrate": 2e6, "height": 720,
            "network": "4g",
        }  # fmt: skip
        await watch(course, video, f"viewer-{number}", CHROME, quality=quality)
    await watch(course, video, course.student, SAFARI, watched=[], quality={"error": "decoding"})

    shown = (await read(course, f"courses/{course.id}/quality")).json

    assert shown["all"] == {
        "of": "all",
        "viewers": 6,
        "withheld": None,
        "sessions": 6,
        "exits_before_start": 0,
        "failures_before_start": 1,
        "sessions_with_errors": 1,
        "startups": 5,
        "startup_ms": 2000.0,
        "startup_score": 80.0,
        "startups_within_500_ms": 0,
        "startups_within_1_s": 0,
        "startups_within_2_s": 5,
        "startups_within_4_s": 5,
        "startups_within_8_s": 5,
        "sessions_with_stalls": 5,
        "stalls": 5,
        "stalled_seconds": 2.5,
        "stall_ratio": pytest.approx(2.5 / 22.5),
        "played_seconds": 20.0,
        "dropped_frames": 0,
        "bitrate": 2e6,
        "height": 720.0,
    }
    day = datetime.now(UTC).date().isoformat()
    assert [one["of"] for one in shown["days"]] == [day]
    assert shown["videos"] == [shown["all"] | {"of": video}]
    chrome, safari = shown["browsers"]
    assert chrome == dict.fromkeys(chrome) | {
        "of": "Chrome",
        "viewers": 5,
        "withheld": "others-too-few",
    }
    assert safari == dict.fromkeys(safari) | {"of": "Safari", "viewers": 1, "withheld": "too-few"}
    assert [one["of"] for one in shown["devices"]] == ["desktop", "phone"]
    assert [one["of"] for one in shown["networks"]] == ["4g", "unknown"]
    assert (await read(course, f"videos/{video}/quality")).json == shown


async def test_what_few_viewers_met_with_is_withheld(course: Course) -> None:
    video = await course.video()
    await watch(course, video, course.student, CHROME, quality={"stalls": 3})

    shown = (await read(course, f"videos/{video}/quality")).json["all"]

    assert shown == dict.fromkeys(shown) | {"of": "all", "viewers": 1, "withheld": "too-few"}


async def test_without_viewers_there_are_zeros_and_no_averages(course: Course) -> None:
    shown = (await read(course, f"courses/{course.id}/quality?to=2026-01-01")).json

    assert shown["all"]["sessions"] == 0
    assert [shown["all"][name] for name in ("startup_score", "stall_ratio", "height")] == [None] * 3
    assert shown["days"] == shown["videos"] == []


async def test_quality_is_csv_where_that_is_accepted(course: Course) -> None:
    video = await course.video()
    await watch(course, video, course.student, CHROME, quality={"stalls": 3})
    accepted = {"headers": {"Accept": "text/csv"}}

    of_course = await read(course, f"courses/{course.id}/quality", **accepted)
    of_video = await read(course, f"videos/{video}/quality", **accepted)

    rows = [list(csv.reader(io.StringIO(one.body.decode()))) for one in (of_course, of_video)]
    assert [row[0][:4] for row in rows] == [["of", "viewers", "withheld", "sessions"]] * 2
    assert rows[0][1][:4] == [video, "1", "too-few", ""]
    assert rows[1][1][:4] == [datetime.now(UTC).date().isoformat(), "1", "too-few", ""]


async def test_reports_by_grant_tell_device_and_browser_repeated_ones_too(course: Course) -> None:
    player = await new_player(course)
    for sequence in range(3):
        answer = await course.service.ask(
            None,
            "POST",
            player.grant_path,
            {
                "session_id": f"s{sequence}", "sequence": 0, "position": 0, "watched": [],
                "event": "progress", "quality": {"stalls": sequence},
            },
            headers={"User-Agent": SAFARI},
        )  # fmt: skip
        assert answer.said == "200"

    shown = (await read(course, f"videos/{player.video_id}/quality")).json

    assert [(one["of"], one["viewers"]) for one in shown["browsers"]] == [("Safari", 1)]


@pytest.mark.parametrize("network", ["5g", "", 4])
async def test_an_unknown_network_is_refused(course: Course, network: Any) -> None:
    player = await new_player(course)

    answer = await player.put(quality={"network": network})

    assert answer.said == "400 invalid-request"
