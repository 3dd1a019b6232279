"""`PSEUDONYMS=on`: no answer, header, event or table shows a teacher whose a pseudonym is."""

import base64
import re
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

import handlers
from events.privacy import people
from handlers import keys
from handlers.openapi.endpoints import Endpoint, declared
from server.commands.tokens import mint_token
from tests.handlers.conftest import SECRET, Answer
from tests.handlers.privacy.life import WHO, lead_a_life
from tests.handlers.support.watching import report, settled
from tests.service.listening import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

COLLEAGUE = "professor-ysolde"
NAME = "Quimby"  # that tokens of both give
TEXTS = re.compile(rb"[A-Za-z0-9_+/-]{16,}={0,2}")
WITHOUT_END = ("GET /api/v1/events", "GET /play/{grant}/events")
ORDER = ["OPTIONS", "HEAD", "GET", "POST", "PUT", "PATCH", "DELETE"]
STEPS = sorted(declared(handlers), key=lambda one: ORDER.index(one.method))
BODIES = {
    "PUT /api/v1/courses/{course_id}/enrollments/{user_id}": {"role": "student"},
    "PATCH /api/v1/videos/{video_id}": {"title": "Renamed"},
    "PUT /api/v1/videos/{video_id}/progress": report(session_id="own", watched=[[0, 1]]),
}


def unfolded(data: bytes, depth: int = 3) -> bytes:
    """The bytes, and all that is base64 in them: cursors, the parts of a signed document."""
    found = [data]
    for text in TEXTS.findall(data) if depth else ():
        padded = text.rstrip(b"=") + b"=" * (-len(text.rstrip(b"=")) % 4)
        if len(text.rstrip(b"=")) % 4 != 1:
            decoded = base64.b64decode(padded.translate(bytes.maketrans(b"-_", b"+/")))
            found.append(unfolded(decoded, depth - 1))
    return b"\0".join(found)


def shows(answer: Answer) -> set[str]:
    """The people whom an answer shows, in its head or its body."""
    head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items()).encode()
    seen = unfolded(head) + unfolded(answer.body)
    return {name for name in (WHO, COLLEAGUE, NAME) if name.encode() in seen}


class Walk:
    """All calls of the API as one caller makes them."""

    def __init__(self, service: Any, caller: str, places: list[dict[str, str]]) -> None:
        self._service, self._caller, self._places = service, caller, places
        self.said: dict[str, list[str]] = {}
        self.shown: dict[str, set[str]] = {}

    async def take(self, methods: Container[str] = ORDER) -> None:
        for step in STEPS:
            if step.method in methods and f"{step.method} {step.path}" not in WITHOUT_END:
                for place in self._places:
                    await self._step(step, place)

    async def _step(self, step: Endpoint, place: dict[str, str]) -> None:
        call = f"{step.method} {step.path}"
        path = re.sub(r"\{(\w+)[^}]*\}", lambda match: place[match[1]], step.path)
        queries = [""]
        if step.method == "GET":
            user, film = place["user_id"], place["video_id"]
            queries += [f"?user_id={user}", "?limit=1", f"?video_id={film}&limit=1"]
        for query in queries:
            for accept in ("*/*", "text/csv"):
                await self._ask(call, step.method, path + query, accept)

    async def _ask(self, call: str, method: str, path: str, accept: str) -> None:
        body = BODIES.get(call, {} if method in ("POST", "PUT", "PATCH") else None)
        answer = await self._service.ask(
            self._caller, method, path, body, headers={"Accept": accept}, allow_redirects=False
        )
        self.said.setdefault(call, []).append(answer.said)
        found = shows(answer)
        if found:
            self.shown.setdefault(call, set()).update(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lived(start_shared_service: Any, mp4: Path) -> tuple[Any, dict[str, Any]]:
    """The person studies with tess and has uploaded to a course of hers, as has her colleague."""
    service = await start_shared_service(PSEUDONYMS="on")
    for user_id in (WHO, COLLEAGUE):
        token = mint_token(SECRET, user_id, name=NAME)
        head = {"Authorization": f"Bearer {token}"}
        service.sessions[user_id] = aiohttp.ClientSession(service.url, headers=head)
        service.clients.append(service.sessions[user_id])
    life = await lead_a_life(service, mp4)
    await service.put(f"courses/c1/enrollments/{COLLEAGUE}", {"role": "instructor"})
    await service.put("courses/c2/enrollments/tess", {"role": "instructor"})
    renamed = await service.ask(COLLEAGUE, "PATCH", f"videos/{life['film']['id']}", {"title": "F"})
    assert renamed.said == "200"
    await settled(service)
    return service, life


def pseudonym(service: Any, user_id: str) -> str:
    return service.app[keys.PSEUDONYMS].of(user_id)


def places(life: dict[str, Any], user: str, grant: str) -> list[dict[str, str]]:
    common = {
        "user_id": user,
        "grant": grant,
        "session_id": life["playback"]["session_id"],
        "language": "en",
        "size": "small",
        "sheet": "0",
        "size_name": "small",
        "asset": life["playback"]["stream_url"].rpartition("/")[2],
        "upload_id": life["lecture"],
        "webhook_id": "w1",
        "file": "course-video.js",
        "name": "course-video.js",
        "number": "1",
        "expires": "1",
        "signature": "x",
        "path": "x",
    }
    film, lecture = life["film"]["id"], life["lecture"]
    return [
        {**common, "course_id": "c1", "module_id": "m1", "video_id": film},
        {**common, "course_id": "c2", "module_id": "m2", "video_id": lecture},
    ]


async def test_the_same_walk_of_an_admin_shows_the_people(lived: Any) -> None:
    service, life = lived

    walk = Walk(service, "root", places(life, WHO, life["playback"]["grant"]))
    await walk.take(("GET", "PUT", "PATCH"))

    assert {call for call, seen in walk.shown.items() if WHO in seen} >= {
        "GET /api/v1/courses/{course_id}",
        "GET /api/v1/courses/{course_id}/enrollments",
        "GET /api/v1/courses/{course_id}/progress",
        "GET /api/v1/courses/{course_id}/uploads",
        "GET /api/v1/modules/{module_id}/videos",
        "GET /api/v1/videos/{video_id}",
        "GET /api/v1/videos/{video_id}/receipt",
        "GET /api/v1/analytics/courses/{course_id}/students",
        "GET /api/v1/analytics/sessions",
        "GET /api/v1/analytics/sessions/{session_id}",
        "PATCH /api/v1/videos/{video_id}",
        "PUT /api/v1/courses/{course_id}/enrollments/{user_id}",
    }


async def test_a_teacher_addresses_people_by_pseudonym(
    lived: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "READ_AT_ONCE", 1)  # they are found on any page
    service, life = lived
    name, film = pseudonym(service, WHO), life["film"]["id"]

    async def items(path: str) -> Any:
        return (await service.ask("tess", "GET", path)).json["items"]

    enrolled = await items("courses/c1/enrollments")
    [progress] = await items(f"courses/c1/progress?user_id={name}")
    sessions = await items(f"analytics/sessions?user_id={name}&video_id={film}")
    receipt = await service.ask("tess", "GET", f"videos/{film}/receipt?user_id={name}")
    withdrawn = await service.ask("tess", "DELETE", f"courses/c1/enrollments/{name}")
    again = await service.ask("tess", "PUT", f"courses/c1/enrollments/{name}", {"role": "student"})

    assert name in {one["user_id"] for one in enrolled}
    assert (progress["user_id"], progress["watched_seconds"]) == (name, 1)
    assert {one["user_id"] for one in sessions} == {name}
    assert f'"sub":"{name}"'.encode() in unfolded(receipt.body)
    assert (withdrawn.said, again.said) == ("204", "201")
    assert again.json["user_id"] == name


async def test_an_id_names_nobody_to_a_teacher(lived: Any) -> None:
    """Else a list of ids could be tried until each pseudonym has a face."""
    service, life = lived
    film = life["film"]["id"]
    asked = [
        await service.ask("tess", "GET", f"courses/c1/progress?user_id={WHO}"),
        await service.ask("tess", "GET", f"analytics/sessions?user_id={WHO}"),
        await service.ask("tess", "GET", f"videos/{film}/receipt?user_id={WHO}"),
        await service.ask("tess", "DELETE", f"courses/c1/enrollments/{WHO}"),
    ]

    assert [one.said for one in asked] == ["200", "200", *["404 not-found"] * 2]
    assert [one.json["items"] for one in asked[:2]] == [[], []]


async def test_a_teacher_enrols_newcomers_by_id_and_learns_nothing_of_who_is_enrolled(
    lived: Any,
) -> None:
    service, _ = lived
    await service.put("courses/c4", {"title": "Four"})
    await service.put("courses/c4/enrollments/nils", {"role": "student"})
    before = await enrolled(service, "root")

    answers = []
    for user_id in (WHO, COLLEAGUE, "nils", "nora"):
        path = f"courses/c1/enrollments/{user_id}"
        answers.append((user_id, await service.ask("tess", "PUT", path, {"role": "student"})))

    for user_id, answer in answers:
        assert (answer.said, answer.json["user_id"]) == ("201", user_id)
        assert answer.json["created_at"] == answer.json["updated_at"]
        written = datetime.fromisoformat(answer.json["created_at"])
        assert abs(datetime.now(UTC) - written) < timedelta(minutes=1)
        assert pseudonym(service, user_id).encode() not in answer.body
    assert len({len(unnamed(answer.body, user_id)) for user_id, answer in answers}) == 1
    assert await enrolled(service, "root") == before | {"nils": "student", "nora": "student"}
    shown = await enrolled(service, "tess")
    assert shown[pseudonym(service, "nils")] == "student"
    assert not {"nils", "nora", WHO, COLLEAGUE} & set(shown)
    for newcomer in ("nils", "nora"):
        assert (
            await service.ask("root", "DELETE", f"courses/c1/enrollments/{newcomer}")
        ).said == "204"


async def test_a_teacher_makes_nobody_a_teacher_by_id(lived: Any) -> None:
    service, _ = lived
    before = await enrolled(service, "root")

    for user_id in (WHO, COLLEAGUE, "stranger"):
        path = f"courses/c1/enrollments/{user_id}"
        answer = await service.ask("tess", "PUT", path, {"role": "instructor"})
        assert answer.said == "403 not-allowed"

    assert await enrolled(service, "root") == before


async def enrolled(service: Any, who: str) -> dict[str, str]:
    """Roles in the course by the names that its list shows."""
    items = (await service.ask(who, "GET", "courses/c1/enrollments?limit=200")).json["items"]
    return {one["user_id"]: one["role"] for one in items}


def unnamed(body: bytes, user_id: str) -> bytes:
    return body.replace(user_id.encode(), b"")


async def test_pseudonyms_of_other_courses_name_nobody(lived: Any) -> None:
    service, _ = lived
    await service.put("courses/c3", {"title": "Three"})
    await service.put("courses/c3/enrollments/hermit", {"role": "student"})

    name = pseudonym(service, "hermit")

    refused = await service.ask("tess", "DELETE", f"courses/c3/enrollments/{name}")
    unknown = await service.ask(
        "tess", "PUT", f"courses/c1/enrollments/{name}", {"role": "student"}
    )
    assert (refused.said, unknown.said) == ("403 not-enrolled", "404 not-found")


async def test_pages_lead_to_everybody_once(lived: Any) -> None:
    service, _ = lived
    for number in range(5):
        await service.put(f"courses/c1/enrollments/s{number}", {"role": "student"})

    names, cursor = [], ""
    while cursor is not None:
        path = f"courses/c1/enrollments?limit=2{cursor and f'&cursor={cursor}'}"
        page = (await service.ask("tess", "GET", path)).json
        names += [one["user_id"] for one in page["items"]]
        cursor = page["next_cursor"]

    people = ("ada", WHO, COLLEAGUE, *(f"s{number}" for number in range(5)))
    assert sorted(names) == sorted(["tess", *(pseudonym(service, one) for one in people)])


@pytest.mark.parametrize(
    "figure", ["user_id", "videos_completed", "watched_seconds", "last_seen_at"]
)
async def test_the_order_of_students_tells_nothing_of_their_ids(lived: Any, figure: str) -> None:
    """All are equal in every figure: to a teacher they are in the order of their pseudonyms."""
    service, _ = lived
    students = [f"equal-{number}" for number in range(6)]
    await service.put("courses/equal", {"title": "Equals"})
    await service.put("courses/equal/enrollments/tess", {"role": "instructor"})
    for student in students:
        await service.put(f"courses/equal/enrollments/{student}", {"role": "student"})

    rising = [pseudonym(service, student) for student in students]
    assert rising != sorted(rising)  # else the order of the ids would pass, too
    for direction, wanted in (("asc", sorted(rising)), ("desc", sorted(rising)[::-1])):
        query = f"?sort={figure}&direction={direction}"
        assert await _ranked(service, "tess", query) == wanted
        assert await _ranked(service, "tess", f"{query}&limit=1") == wanted
    assert await _ranked(service, "root", f"?sort={figure}") == students


async def _ranked(service: Any, caller: str, query: str) -> list[str]:
    """The students of the course of equals on all pages, which show no id in their cursors."""
    names, cursor = [], ""
    while cursor is not None:
        path = f"analytics/courses/equal/students{query}{cursor and f'&cursor={cursor}'}"
        answer = await service.ask(caller, "GET", path)
        assert answer.said == "200", answer.body
        assert caller == "root" or b"equal-" not in unfolded(answer.body)
        names += [one["user_id"] for one in answer.json["items"]]
        cursor = answer.json["next_cursor"]
    return names


async def test_missed_and_live_events_show_others_by_pseudonym(lived: Any) -> None:
    service, life = lived
    film, name = life["film"]["id"], pseudonym(service, WHO)
    said = report(session_id="live", watched=[[1, 2]], position=2)

    async with listening(service.client("tess"), last_id="0") as stream:
        await stream.until(lambda seen: "video.updated" in seen.types)
        assert (await service.ask(WHO, "PUT", f"videos/{film}/progress", said)).said == "200"
        told = await stream.until(lambda seen: seen.told[-1].data.get("session_id") == "live")
    own = [one for one in told if one.data["user_id"] == "tess"]

    assert WHO not in str(told)
    assert COLLEAGUE not in str(told)
    assert told[-1].data["user_id"] == name
    assert {one.type for one in own} >= {"video.uploaded", "enrollment.changed"}


async def test_a_teacher_follows_one_person_by_pseudonym(lived: Any) -> None:
    service, _ = lived
    name = pseudonym(service, WHO)

    async with listening(
        service.client("tess"),
        f"/api/v1/events?user_id={name}&types=playback.started,playback.progress",
        "0",
    ) as stream:
        told = await stream.take(1)
    async with listening(service.client("tess"), f"/api/v1/events?user_id={WHO}", "0") as nobody:
        await service.put("courses/c1/enrollments/later", {"role": "student"})
        await settled(service)
        assert nobody.told == []

    assert {one.data["user_id"] for one in told} == {name}


async def test_everybody_is_shown_their_own_id_and_students_no_other(lived: Any) -> None:
    service, life = lived
    lines = (await service.ask(WHO, "GET", f"users/{WHO}/data")).body
    film = await service.ask(WHO, "GET", f"videos/{life['film']['id']}")
    async with listening(service.client(WHO), last_id="0") as stream:
        told = await stream.until(lambda seen: "playback.progress" in seen.types)

    assert WHO.encode() in lines
    assert COLLEAGUE.encode() not in lines
    assert b'"tess"' not in lines
    assert film.json["uploaded_by"] == pseudonym(service, "tess")
    assert WHO in {one.data["user_id"] for one in told}
    assert '"tess"' not in str(told).replace("'", '"')


async def test_no_answer_to_a_teacher_shows_whose_a_pseudonym_is(lived: Any) -> None:
    service, life = lived
    grant = (await service.ask("tess", "POST", f"videos/{life['film']['id']}/playback")).json
    name = pseudonym(service, WHO)

    walk = Walk(service, "tess", places(life, name, grant["grant"]))
    await walk.take()

    assert walk.shown == {}
    assert all(
        "200" in walk.said[call]
        for call in (
            "GET /api/v1/courses/{course_id}/enrollments",
            "GET /api/v1/courses/{course_id}/progress",
            "GET /api/v1/courses/{course_id}/uploads",
            "GET /api/v1/videos/{video_id}/receipt",
            "GET /api/v1/analytics/courses/{course_id}/students",
            "GET /api/v1/analytics/sessions",
            "GET /api/v1/analytics/sessions/{session_id}",
            "PUT /api/v1/courses/{course_id}/enrollments/{user_id}",
            "PATCH /api/v1/videos/{video_id}",
        )
    )
    assert "204" in walk.said["DELETE /api/v1/courses/{course_id}/enrollments/{user_id}"]
