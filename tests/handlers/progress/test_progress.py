"""Progress over HTTP: what a report may say, what it changes, and who may read it."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg2
import pytest
import pytest_asyncio

from handlers import keys
from tests.handlers.support.outage import no_database
from tests.handlers.support.watching import (
    DURATION_S,
    Course,
    Player,
    new_course,
    new_player,
    open_playback,
    report,
)
from tests.harness.waiting import wait_until
from tests.service.listening import listening

on_shared_loop = pytest.mark.asyncio(loop_scope="module")

BAD = "400 invalid-request"
JSON = {"Content-Type": "application/json"}
NOTHING_YET = {
    "position": 0,
    "watched_seconds": 0,
    "watched_ratio": 0,
    "watched": [],
    "completed": False,
    "completed_at": None,
    "updated_at": None,
}
WITHIN_S = 5.0  # the contract's bound for a withdrawal to be felt


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def course(shared_service: Any) -> Course:
    return await new_course(shared_service)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def untouched(course: Course) -> Player:
    """The player of a video that no report was accepted for."""
    return await new_player(course)


@pytest_asyncio.fixture(loop_scope="module")
async def player(course: Course) -> Player:
    """The player of a video of its own."""
    return await new_player(course)


def raw(**literals: str) -> bytes:
    """A report with these values as they stand."""
    fields = {name: json.dumps(value) for name, value in report().items()} | literals
    return ("{" + ",".join(f'"{name}":{text}' for name, text in fields.items()) + "}").encode()


HUGE = "1" + "0" * 400

REFUSED = [
    pytest.param({"position": "-0.01"}, id="position before the beginning"),
    pytest.param({"position": "31.01"}, id="position more than a second past the end"),
    pytest.param({"position": "NaN"}, id="position NaN"),
    pytest.param({"position": "Infinity"}, id="position infinite"),
    pytest.param({"position": "-Infinity"}, id="position infinitely negative"),
    pytest.param({"position": "1e400"}, id="position beyond floats"),
    pytest.param({"position": HUGE}, id="position of 401 digits"),
    pytest.param({"position": '"1"'}, id="position as text"),
    pytest.param({"position": "true"}, id="position as a boolean"),
    pytest.param({"position": "null"}, id="position null"),
    pytest.param({"watched": "[[-0.01, 1]]"}, id="interval before the beginning"),
    pytest.param({"watched": "[[30, 31.01]]"}, id="interval past the end"),
    pytest.param({"watched": "[[2, 1]]"}, id="interval reversed"),
    pytest.param({"watched": "[[0, 1], [2, 1]]"}, id="second interval reversed"),
    pytest.param({"watched": "[[0, NaN]]"}, id="interval NaN"),
    pytest.param({"watched": "[[0, Infinity]]"}, id="interval infinite"),
    pytest.param({"watched": f"[[0, {HUGE}]]"}, id="interval of 401 digits"),
    pytest.param({"watched": "[[false, true]]"}, id="interval of booleans"),
    pytest.param({"watched": '[["0", "1"]]'}, id="interval of texts"),
    pytest.param({"watched": "[[0, null]]"}, id="interval with null"),
    pytest.param({"watched": "[[0]]"}, id="interval of one"),
    pytest.param({"watched": "[[0, 1, 2]]"}, id="interval of three"),
    pytest.param({"watched": "[0, 1]"}, id="interval not in a list"),
    pytest.param({"watched": "null"}, id="watched null"),
    pytest.param({"watched": json.dumps([[0, 1]] * 257)}, id="257 intervals"),
    pytest.param({"rate": "-0.01"}, id="rate negative"),
    pytest.param({"rate": "16.01"}, id="rate above 16"),
    pytest.param({"rate": "NaN"}, id="rate NaN"),
    pytest.param({"rate": "true"}, id="rate as a boolean"),
    pytest.param({"delayed_s": "-0.01"}, id="delay negative"),
    pytest.param({"delayed_s": "2592000.01"}, id="delay above 30 days"),
    pytest.param({"delayed_s": "Infinity"}, id="delay infinite"),
    pytest.param({"sequence": "-1"}, id="sequence negative"),
    pytest.param({"sequence": str(2**53)}, id="sequence 2^53"),
    pytest.param({"sequence": HUGE}, id="sequence of 401 digits"),
    pytest.param({"sequence": "1.5"}, id="sequence broken"),
    pytest.param({"sequence": "true"}, id="sequence as a boolean"),
    pytest.param({"sequence": '"1"'}, id="sequence as text"),
    pytest.param({"session_id": '""'}, id="session id empty"),
    pytest.param({"session_id": json.dumps("s" * 65)}, id="session id of 65"),
    pytest.param({"session_id": '"a.b"'}, id="session id with a dot"),
    pytest.param({"session_id": r'"a\n"'}, id="session id with a line feed"),
    pytest.param({"session_id": '"é"'}, id="session id not ASCII"),
    pytest.param({"session_id": "1"}, id="session id a number"),
    pytest.param({"event": '"ended"'}, id="unknown event"),
    pytest.param({"event": "null"}, id="event null"),
    pytest.param({"quality": '{"startup_ms": -1}'}, id="startup negative"),
    pytest.param({"quality": '{"stalls": -1}'}, id="stalls negative"),
    pytest.param({"quality": '{"stalled_ms": -0.5}'}, id="stalled negative"),
    pytest.param({"quality": '{"dropped_frames": -1}'}, id="dropped frames negative"),
    pytest.param({"quality": '{"bitrate": -1}'}, id="bitrate negative"),
    pytest.param({"quality": '{"height": -1}'}, id="height negative"),
    pytest.param({"quality": '{"stalls": "1"}'}, id="stalls as text"),
    pytest.param({"quality": '{"stals": 1}'}, id="misspelt figure"),
    pytest.param({"quality": "[]"}, id="quality a list"),
    pytest.param({"postion": "1"}, id="misspelt field"),
]


@on_shared_loop
@pytest.mark.parametrize("literals", REFUSED)
async def test_report_is_refused_and_changes_nothing(
    shared_service: Any, untouched: Player, literals: dict[str, str]
) -> None:
    body = raw(**({"position": "1", "watched": "[[0, 1]]"} | literals))

    by_bearer = await shared_service.ask(
        untouched.user_id, "PUT", untouched.bearer_path, data=body, headers=JSON
    )
    by_grant = await shared_service.ask(None, "POST", untouched.grant_path, data=body)

    assert (by_bearer.said, by_grant.said) == (BAD, BAD)
    assert await untouched.get() == NOTHING_YET


@on_shared_loop
@pytest.mark.parametrize("field", ["session_id", "sequence", "position", "watched", "event"])
async def test_report_without_a_field_is_refused(untouched: Player, field: str) -> None:
    body = {name: value for name, value in report().items() if name != field}

    answer = await untouched.service.ask(None, "POST", untouched.grant_path, body)

    assert answer.said == BAD
    assert await untouched.get() == NOTHING_YET


ALL_FIGURES = {
    "startup_ms": 320.5,
    "stalls": 1,
    "stalled_ms": 800,
    "dropped_frames": 3,
    "bitrate": 2_500_000,
    "height": 720,
    "error": "MEDIA_ERR_DECODE",
}
ACCEPTED = [
    pytest.param({"position": 0}, id="position at the beginning"),
    pytest.param({"position": -0.0}, id="position minus zero"),
    pytest.param({"position": DURATION_S}, id="position at the end"),
    pytest.param({"position": DURATION_S + 1}, id="position a second past the end"),
    pytest.param({"position": 1e-320}, id="position next to nothing"),
    pytest.param({"watched": [[0, 0]]}, id="interval of nothing"),
    pytest.param({"watched": [[0, DURATION_S + 1]]}, id="interval a second past the end"),
    pytest.param({"watched": [[1e-7, 2e-7]]}, id="interval below rounding"),
    pytest.param({"watched": [[0, 1]] * 256}, id="256 intervals"),
    pytest.param({"rate": 0}, id="rate 0"),
    pytest.param({"rate": 16}, id="rate 16"),
    pytest.param({"delayed_s": 0}, id="no delay"),
    pytest.param({"delayed_s": 30 * 86400}, id="delay of 30 days"),
    pytest.param({"sequence": 2**53 - 1}, id="sequence 2^53-1"),
    pytest.param({"session_id": "-" * 64}, id="session id of 64"),
    pytest.param({"quality": {}}, id="quality of nothing"),
    pytest.param({"quality": ALL_FIGURES}, id="quality of everything"),
    pytest.param({"quality": dict.fromkeys(ALL_FIGURES, 0) | {"error": ""}}, id="quality zeros"),
    pytest.param({"quality": {"error": "a\x00b"}}, id="NUL in the error"),
    *(
        pytest.param({"event": event}, id=event)
        for event in ("started", "progress", "paused", "seeked", "completed", "stopped")
    ),
]


@on_shared_loop
@pytest.mark.parametrize("changes", ACCEPTED)
async def test_report_is_accepted(player: Player, changes: dict[str, Any]) -> None:
    by_bearer = await player.put(**changes)
    by_grant = await player.post(**({"session_id": "another"} | changes))

    assert (by_bearer.said, by_grant.said) == ("200", "200")


@on_shared_loop
async def test_report_leaves_figures_alone_that_it_does_not_tell(player: Player) -> None:
    await player.say(sequence=1, rate=1.5, quality={"startup_ms": 320, "stalls": 0})
    await player.say(sequence=2, quality={"stalls": 1, "error": "a\x00b"})
    await player.say(sequence=3, event="stopped")

    [row] = await player.service.app[keys.DATABASE].fetch_all(
        "SELECT rate, quality FROM playback_sessions WHERE video_id = %s", (player.video_id,)
    )
    assert (row.rate, row.quality) == (1.5, {"startup_ms": 320, "stalls": 1, "error": "a\ufffdb"})


@on_shared_loop
@pytest.mark.parametrize(
    ("content_type", "by_bearer"),
    [
        ("application/json", "200"),
        ("application/json; charset=utf-8", "200"),
        ("text/plain;charset=UTF-8", "415 unsupported-format"),
        ("application/x-www-form-urlencoded", "415 unsupported-format"),
        ("application/octet-stream", "415 unsupported-format"),
        ("", "415 unsupported-format"),
    ],
)
async def test_put_needs_json_and_a_beacon_may_call_it_anything(
    player: Player, content_type: str, by_bearer: str
) -> None:
    options: Any = {"data": raw(), "headers": {"Content-Type": content_type}}

    put = await player.service.ask(player.user_id, "PUT", player.bearer_path, **options)
    beacon = await player.service.ask(None, "POST", player.grant_path, **options)

    assert (put.said, beacon.said) == (by_bearer, "200")


@on_shared_loop
async def test_body_over_the_limit_is_too_large(untouched: Player) -> None:
    body = raw(watched="[" + " " * 300_000 + "]")

    answer = await untouched.service.ask(None, "POST", untouched.grant_path, data=body)

    assert answer.said == "413 too-large"


@on_shared_loop
async def test_before_the_first_report_everything_is_zero(untouched: Player) -> None:
    assert await untouched.get() == NOTHING_YET


@on_shared_loop
async def test_answer_is_what_get_answers_from_then_on(player: Player) -> None:
    told = await player.say(position=6.123456789, watched=[[0, 6]])

    updated_at = told.pop("updated_at")
    assert updated_at.endswith("Z")
    assert told == {
        "position": 6.123456789,
        "watched_seconds": 6,
        "watched_ratio": 0.2,
        "watched": [[0, 6]],
        "completed": False,
        "completed_at": None,
    }
    assert await player.get() == told | {"updated_at": updated_at}


@on_shared_loop
@pytest.mark.parametrize(
    ("reports", "watched", "watched_s"),
    [
        pytest.param([[[0, 5]], [[5, 10]]], [[0, 10]], 10, id="touching"),
        pytest.param([[[0, 5]], [[3, 8]]], [[0, 8]], 8, id="overlapping"),
        pytest.param([[[0, 5]], [[0, 5]]], [[0, 5]], 5, id="seen again"),
        pytest.param([[[0, 10]], [[3, 4]]], [[0, 10]], 10, id="within"),
        pytest.param([[[8, 9], [1, 2]]], [[1, 2], [8, 9]], 2, id="in any order"),
        pytest.param([[[0, 1]], [[1.25, 2]]], [[0, 2]], 2, id="gap of 0.25 s closed"),
        pytest.param([[[0, 1], [1.25, 2]]], [[0, 2]], 2, id="gap within a report closed"),
        pytest.param([[[0, 1]], [[1.26, 2]]], [[0, 1], [1.26, 2]], 1.74, id="gap of 0.26 s kept"),
        pytest.param([[[0.2, 1]]], [[0.2, 1]], 0.8, id="beginning not closed"),
        pytest.param([[[0.004, 1.006]]], [[0, 1.01]], 1.01, id="rounded to 10 ms"),
        pytest.param([[[3, 3]]], [], 0, id="of no length"),
        pytest.param([[[3, 3.004]]], [], 0, id="of no length once rounded"),
        pytest.param([[]], [], 0, id="nothing"),
        pytest.param([[[29, 31]]], [[29, 30]], 1, id="beyond the duration"),
        pytest.param([[[30.2, 31]]], [], 0, id="all beyond the duration"),
        pytest.param([[[0, 30]]], [[0, 30]], 30, id="everything"),
    ],
)
async def test_seconds_seen_are_a_set(
    player: Player, reports: Sequence[Any], watched: Any, watched_s: float
) -> None:
    for sequence, pieces in enumerate(reports):
        told = await player.say(sequence=sequence, watched=pieces)

    assert (told["watched"], told["watched_seconds"]) == (watched, watched_s)
    assert told["watched_ratio"] == pytest.approx(watched_s / DURATION_S)


@on_shared_loop
async def test_a_late_or_doubled_report_adds_what_was_seen_and_moves_nothing(
    player: Player,
) -> None:
    await player.say(sequence=5, position=20, watched=[[15, 20]])

    late = await player.say(sequence=4, position=5, watched=[[0, 5]])
    doubled = await player.say(sequence=5, position=9, watched=[[15, 20]])

    assert (late["position"], late["watched"]) == (20, [[0, 5], [15, 20]])
    assert (doubled["position"], doubled["watched_seconds"]) == (20, 10)


@on_shared_loop
async def test_a_late_report_is_checked_like_any_other(player: Player) -> None:
    await player.say(sequence=5)

    answer = await player.post(sequence=4, position=99)

    assert answer.said == BAD


@on_shared_loop
async def test_within_a_session_the_position_may_go_back(player: Player) -> None:
    await player.say(sequence=0, position=20)

    told = await player.say(sequence=1, position=5, event="seeked")

    assert told["position"] == 5


@on_shared_loop
@pytest.mark.parametrize(
    ("delayed_s", "position"),
    [
        pytest.param(0, 5, id="heard later, true later"),
        pytest.param(3600, 20, id="an hour old"),
        pytest.param(30 * 86400, 20, id="30 days old"),
    ],
)
async def test_across_sessions_the_newer_place_wins(
    player: Player, delayed_s: float, position: float
) -> None:
    await player.say(session_id="phone", position=20)

    told = await player.say(session_id="laptop", sequence=9, position=5, delayed_s=delayed_s)

    assert told["position"] == position


@on_shared_loop
async def test_two_devices_share_a_place_and_what_was_seen_and_hear_of_each_other(
    shared_service: Any, player: Player
) -> None:
    path = f"/api/v1/events?video_id={player.video_id}"
    async with shared_service.client(player.user_id) as phone, listening(phone, path) as stream:
        await player.say(session_id="phone", position=5, watched=[[0, 5]])
        told = await player.say(session_id="laptop", position=12, watched=[[4, 6], [10, 12]])
        heard = await stream.take(2)

    assert (told["position"], told["watched"]) == (12, [[0, 6], [10, 12]])
    assert [(one.data["session_id"], one.data["position"]) for one in heard] == [
        ("phone", 5),
        ("laptop", 12),
    ]
    assert (await player.reload())["resume_position"] == 12


@on_shared_loop
async def test_a_queue_of_late_reports_leaves_the_other_sessions_place(player: Player) -> None:
    await player.say(session_id="laptop", sequence=1, position=1)
    await player.say(session_id="phone", position=20)

    for sequence in range(2, 6):
        told = await player.say(
            session_id="laptop",
            sequence=sequence,
            position=sequence,
            watched=[[sequence - 1, sequence]],
            delayed_s=3600 - sequence,
        )

    assert (told["position"], told["watched"]) == (20, [[1, 5]])
    assert (await player.reload())["resume_position"] == 20


@on_shared_loop
async def test_skipping_to_the_end_completes_nothing(player: Player) -> None:
    told = await player.say(position=DURATION_S, watched=[[29, 30]], event="completed")

    assert (told["completed"], told["completed_at"]) == (False, None)


@on_shared_loop
@pytest.mark.parametrize(("seen_s", "is_completed"), [(26.99, False), (27, True)])
async def test_nine_tenths_complete(player: Player, seen_s: float, is_completed: bool) -> None:
    told = await player.say(watched=[[0, seen_s]])

    assert told["completed"] is is_completed


@on_shared_loop
async def test_once_completed_stays_completed_and_begins_anew(player: Player) -> None:
    completed = await player.say(sequence=0, position=28, watched=[[0, 28]])
    again = await player.say(sequence=1, position=3, watched=[[0, 3]])
    playback = await player.reload()

    assert completed["completed"]
    assert (again["completed"], again["completed_at"]) == (True, completed["completed_at"])
    assert again["position"] == 3
    assert (playback["completed"], playback["resume_position"]) == (True, 0)


@on_shared_loop
async def test_a_late_report_may_complete(player: Player) -> None:
    await player.say(sequence=2, watched=[[15, 30]])

    told = await player.say(sequence=1, watched=[[0, 15]])

    assert told["completed"]


@on_shared_loop
async def test_nobody_is_sent_to_a_place_past_the_end(player: Player) -> None:
    await player.say(sequence=1, position=DURATION_S + 0.5)

    assert (await player.reload())["resume_position"] == DURATION_S


@on_shared_loop
async def test_a_place_has_no_sign(player: Player) -> None:
    await player.say(sequence=1, position=-0.0)

    assert str((await player.reload())["resume_position"]) == "0.0"


@on_shared_loop
async def test_a_reloaded_page_goes_on_from_next_sequence(player: Player) -> None:
    session_id = player.playback["session_id"]
    assert player.playback["next_sequence"] == 0
    await player.say(session_id=session_id, sequence=41, position=7.5)

    reloaded = await player.reload(session_id)
    fresh = await player.reload()

    assert (reloaded["session_id"], reloaded["next_sequence"]) == (session_id, 42)
    assert reloaded["resume_position"] == 7.5
    assert fresh["session_id"] != session_id
    assert (fresh["next_sequence"], fresh["resume_position"]) == (0, 7.5)


@on_shared_loop
async def test_a_course_shows_the_callers_progress_with_its_videos(
    course: Course, player: Player
) -> None:
    told = await player.say(position=4, watched=[[0, 4]])

    answer = await course.service.ask(course.student, "GET", f"courses/{course.id}")

    shown = {
        video["id"]: video["progress"]
        for module in answer.json["modules"]
        for video in module["videos"]
    }
    assert shown[player.video_id] == told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched_course(shared_service: Any) -> Course:
    """Two students have watched two videos, the instructor one, and another was deleted."""
    course = await new_course(shared_service)
    await course.enroll("classmate")
    videos = [await course.video() for _ in range(2)]
    gone = await course.video()
    for user_id, video_id in (
        *((course.student, video) for video in (*videos, gone)),
        *(("classmate", video) for video in videos),
        (course.instructor, videos[0]),
    ):
        playback = await open_playback(shared_service, user_id, video_id)
        player = Player(shared_service, user_id, video_id, playback)
        await player.say(position=3, watched=[[0, 3]])
    await course.delete(gone)
    return course


@on_shared_loop
@pytest.mark.parametrize(
    ("who", "query", "users"),
    [
        pytest.param("student", "", ["student"] * 2, id="a student sees their own"),
        pytest.param("student", "?user_id=student", ["student"] * 2, id="also when named"),
        pytest.param("classmate", "", ["classmate"] * 2, id="each their own"),
        pytest.param(
            "instructor",
            "",
            ["student"] * 2 + ["classmate"] * 2 + ["instructor"],
            id="an instructor sees everyone's",
        ),
        pytest.param("instructor", "?user_id=student", ["student"] * 2, id="or one user's"),
        pytest.param("instructor", "?user_id=nobody", [], id="or nobody's"),
        pytest.param("root", "?user_id=instructor", ["instructor"], id="so does an admin"),
    ],
)
async def test_progress_of_a_course(
    watched_course: Course, who: str, query: str, users: list[str]
) -> None:
    names = {"student": watched_course.student, "instructor": watched_course.instructor}
    for name, user_id in names.items():
        query = query.replace(f"={name}", f"={user_id}")
    path = f"courses/{watched_course.id}/progress{query}"

    answer = await watched_course.service.ask(names.get(who, who), "GET", path)

    items = answer.json["items"]
    assert [item["user_id"] for item in items] == [names.get(user, user) for user in users]
    assert answer.json["next_cursor"] is None
    for item in items:
        assert item.keys() == NOTHING_YET.keys() | {"video_id", "user_id"}
        assert (item["position"], item["watched"]) == (3, [[0, 3]])


@on_shared_loop
@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
async def test_progress_of_a_course_comes_page_by_page(watched_course: Course, limit: int) -> None:
    path = f"courses/{watched_course.id}/progress"
    ask = watched_course.service.ask
    everything = await ask(watched_course.instructor, "GET", path)

    cursor: str | None = ""
    found: list[Any] = []
    while cursor is not None:
        query = f"?limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        page = (await ask(watched_course.instructor, "GET", path + query)).json
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]

    assert found == everything.json["items"]


@on_shared_loop
@pytest.mark.parametrize(
    ("who", "query", "said"),
    [
        pytest.param("student", "?user_id=classmate", "403 not-allowed", id="a classmate's"),
        pytest.param("student", "?user_id=nobody", "403 not-allowed", id="nobody's"),
        pytest.param("eve", "", "403 not-enrolled", id="a stranger"),
        pytest.param("eve", "?user_id=eve", "403 not-enrolled", id="a stranger's own"),
        pytest.param("instructor", "?user_id=", BAD, id="no user"),
        pytest.param("instructor", "?user_id=%00", BAD, id="NUL"),
        pytest.param("instructor", "?user_id=a%20b", BAD, id="no user id"),
        pytest.param("instructor", f"?user_id={'a' * 65}", BAD, id="65 characters"),
        pytest.param("instructor", "?limit=0", BAD, id="limit 0"),
        pytest.param("instructor", "?limit=201", BAD, id="limit 201"),
        pytest.param("instructor", "?limit=x", BAD, id="limit no number"),
        pytest.param("instructor", "?cursor=x", BAD, id="no cursor"),
        pytest.param("instructor", "?limit=200", "200", id="limit 200"),
    ],
)
async def test_progress_of_a_course_is_refused(
    watched_course: Course, who: str, query: str, said: str
) -> None:
    names = {"student": watched_course.student, "instructor": watched_course.instructor}
    path = f"courses/{watched_course.id}/progress{query}"

    answer = await watched_course.service.ask(names.get(who, who), "GET", path)

    assert answer.said == said


@on_shared_loop
async def test_grant_of_another_video_or_kind_is_refused(course: Course, player: Player) -> None:
    ask = course.service.ask
    other_video = await course.video()
    events_grant = (await ask(course.student, "POST", "events/grant")).json["events_url"]
    of_events = events_grant.split("/")[2]
    paths = {
        "another video": f"/play/{player.playback['grant']}/{other_video}/progress",
        "no video": f"/play/{player.playback['grant']}/no-uuid/progress",
        "a grant for events": f"/play/{of_events}/{player.video_id}/progress",
        "nonsense": f"/play/nonsense/{player.video_id}/progress",
    }

    said = {
        name: (await ask(None, "POST", path, report())).said.split()[0]
        for name, path in paths.items()
    }

    assert said == {
        "another video": "403",
        "no video": "403",
        "a grant for events": "401",
        "nonsense": "401",
    }


async def until_said(said: str, player: Player) -> Any:
    """The answer to a report by grant, once it is this one."""
    return await wait_until(
        lambda: player.post(sequence=99), lambda answer: answer.said == said, within_s=WITHIN_S
    )


@on_shared_loop
async def test_who_is_withdrawn_meanwhile_may_not_report(shared_service: Any) -> None:
    course = await new_course(shared_service)
    player = await new_player(course)
    before = await player.say(position=5, watched=[[0, 5]])

    await course.withdraw(player.user_id)

    assert (await player.put(sequence=1)).said == "403 not-enrolled"
    assert (
        await shared_service.ask(player.user_id, "GET", player.bearer_path)
    ).said == "403 not-enrolled"
    await until_said("403 not-enrolled", player)

    await course.enroll(player.user_id)

    assert (await player.post(sequence=2)).said == "403 not-enrolled"
    new_grant = Player(shared_service, player.user_id, player.video_id, await player.reload())
    assert (await new_grant.post(sequence=100, position=9)).said == "200"
    assert (await player.get())["watched"] == before["watched"]


@on_shared_loop
async def test_reports_about_a_deleted_video_are_refused_until_it_is_restored(
    course: Course, player: Player
) -> None:
    ask = course.service.ask
    await player.say(position=5, watched=[[0, 5]])

    await course.delete(player.video_id)

    assert (await player.post(sequence=1)).said == "403 not-enrolled"
    assert (await player.put(sequence=1)).said == "403 not-enrolled"
    admins = await ask("root", "PUT", player.bearer_path, report())
    assert admins.said == "404 not-found"

    await ask(course.instructor, "POST", f"videos/{player.video_id}/restore")

    assert (await player.put(sequence=1, position=6)).json["watched"] == [[0, 5]]
    await until_said("200", player)


@on_shared_loop
async def test_a_report_that_crosses_the_deletion_tells_strangers_nothing(player: Player) -> None:
    await player.put()
    async with player.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "UPDATE videos SET deleted_at = now() WHERE id = %s", (player.video_id,)
        )

    said = [(await player.post(sequence=1)).said, (await player.put(sequence=1)).said]
    admins = await player.service.ask("root", "PUT", player.bearer_path, report())

    assert said == ["403 not-enrolled"] * 2
    assert admins.said == "404 not-found"


@on_shared_loop
async def test_a_grant_cannot_be_read_or_put(player: Player) -> None:
    put = await player.service.ask(None, "PUT", player.grant_path, report())
    get = await player.service.ask(None, "GET", player.grant_path)

    assert put.said == "405 method-not-allowed"
    assert "POST" in put.headers["Allow"]
    assert get.status in (404, 405)


async def test_a_database_that_is_away_is_503_and_the_report_counts_when_sent_again(
    service: Any, cluster: Any, dsn: str
) -> None:
    course = await new_course(service)
    player = await new_player(course)
    await player.say(position=1)
    answers, streams, task_counts = [], [], []

    async with no_database(cluster, dsn), asyncio.timeout(6):
        for _ in range(3):
            stream, *others = await asyncio.gather(
                service.ask(player.user_id, "GET", "events"),
                *(player.post(sequence=n, position=n) for n in range(2, 12)),
                player.put(sequence=12),
                service.ask(player.user_id, "GET", player.bearer_path),
                service.ask(course.instructor, "GET", f"courses/{course.id}/progress"),
            )
            streams.append(stream)
            answers += others
            task_counts.append(len(asyncio.all_tasks()))

    assert {stream.status for stream in streams} == {200}  # any other ends an `EventSource`
    assert all(stream.body.startswith(b"retry:") for stream in streams)
    assert {answer.said for answer in answers} == {"503 unavailable"}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers)
    assert max(task_counts) <= task_counts[0] + 1, "something piles up"
    assert len(service.app[keys.HUB]) == 0
    assert (await player.say(sequence=2, position=2))["position"] == 2


async def test_a_report_that_cannot_be_committed_is_503_and_others_go_on(
    service: Any, dsn: str
) -> None:
    course = await new_course(service)
    stuck, other = await new_player(course), await new_player(course)
    await stuck.say(position=1)

    with closing(await asyncio.to_thread(psycopg2.connect, dsn)) as connection:
        await asyncio.to_thread(
            connection.cursor().execute,
            f"SELECT FROM progress WHERE video_id = '{stuck.video_id}' FOR UPDATE",
        )
        async with asyncio.timeout(6):
            answer = await stuck.post(sequence=1, position=2)
        assert (answer.said, answer.headers["Retry-After"]) == ("503 unavailable", "2")
        assert (await other.say(position=3))["position"] == 3

    assert (await stuck.get())["position"] == 1
    assert (await stuck.say(sequence=1, position=2))["position"] == 2


# Claims beyond what could have been played

ALL_SEEN = {"position": 30, "watched": [[0, 30]]}


@on_shared_loop
@pytest.mark.parametrize("way", ["put", "post"])
async def test_a_claim_of_more_than_could_have_been_played_is_capped(
    player: Player, way: str
) -> None:
    session_id = player.playback["session_id"]
    answer = await getattr(player, way)(session_id=session_id, **ALL_SEEN)

    assert (answer.said, answer.json["capped"]) == ("200", True)
    assert answer.json["watched"] == [[0, answer.json["watched_seconds"]]]
    assert 10 <= answer.json["watched_seconds"] < 27
    assert (answer.json["position"], answer.json["completed"]) == (30, False)
    assert await player.get() == {k: v for k, v in answer.json.items() if k != "capped"}


@on_shared_loop
async def test_a_session_that_was_named_long_ago_may_have_seen_all(player: Player) -> None:
    told = await player.say(session_id="s", **ALL_SEEN)

    assert (told["completed"], "capped" in told) == (True, False)


@on_shared_loop
async def test_a_session_that_a_client_names_starts_once(player: Player) -> None:
    await player.reload("mine")
    async with player.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "UPDATE playback_session_names SET named_at = named_at - interval '1 hour'"
            " WHERE session_id = 'mine'"
        )
    await player.reload("mine")

    assert "capped" not in await player.say(session_id="mine", **ALL_SEEN)


@on_shared_loop
async def test_an_id_that_playback_gave_needs_no_row(player: Player) -> None:
    await player.reload(player.playback["session_id"])

    row = await player.service.app[keys.DATABASE].fetch_one(
        "SELECT count(*) AS names FROM playback_session_names WHERE video_id = %s AND"
        " session_id = %s",
        (player.video_id, player.playback["session_id"]),
    )
    assert row.names == 0


@on_shared_loop
async def test_services_are_believed(course: Course, player: Player) -> None:
    answer = await course.service.ask(
        "svc", "PUT", player.bearer_path, report(session_id="svc", **ALL_SEEN)
    )

    assert (answer.said, answer.json["completed"]) == ("200", True)
    assert "capped" not in answer.json


async def test_all_is_believed_where_that_is_set(start_service: Any) -> None:
    player = await new_player(await new_course(await start_service(SEEN_CLAIMS="believed")))

    told = await player.say(session_id=player.playback["session_id"], **ALL_SEEN)

    assert (told["completed"], "capped" in told) == (True, False)
