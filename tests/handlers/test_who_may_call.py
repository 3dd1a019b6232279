"""Access to every endpoint: one row per call, one column per caller, over HTTP."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALLERS = (None, "eve", "ada", "tess", "root", "svc")
NO_TOKEN = "401 invalid-token"
STRANGE = "403 not-enrolled"
FORBIDDEN = "403 not-allowed"
MISSING = "404 not-found"
UNFIT = "409 order-mismatch"
REFUSED = "403 licence-refused"
BAD = "400 invalid-request"
UNSUPPORTED = "415 unsupported-format"

TITLE = {"title": "Title"}
PLACE = {"title": "Title", "position": 2}
STUDENT = {"role": "student"}
KEPT = {"height": 720}
UNIQUE_HEADERS = frozenset({"X-Request-ID", "Date"})


def row(
    call: str,
    eve: str,
    ada: str,
    tess: str,
    root: str,
    svc: str | None = None,
    body: Any = None,
    id: str | None = None,
) -> Any:
    """`svc` is answered like `root` unless told otherwise; nobody is always refused."""
    expected = (NO_TOKEN, eve, ada, tess, root, svc or root)
    return pytest.param(call, body, expected, id=id or call)


def hidden(call: str, body: Any = None) -> Any:
    """The answer for a missing resource: 404 only for admin and service."""
    return row(call, STRANGE, STRANGE, STRANGE, MISSING, body=body)


def malformed(call: str, body: Any = None) -> Any:
    return row(call, BAD, BAD, BAD, BAD, body=body)


def refused(call: str, body: Any) -> Any:
    """The answer for a licence that does not hold, whatever the path names."""
    return row(call, REFUSED, REFUSED, REFUSED, REFUSED, body=body)


COURSES = [
    row("GET courses", "200", "200", "200", "200"),
    row("PUT courses/c1", STRANGE, FORBIDDEN, FORBIDDEN, "200", body={"title": "Course one"}),
    row("PUT courses/new", STRANGE, STRANGE, STRANGE, "201", "200", body=TITLE),
    row("PUT courses/gone", STRANGE, STRANGE, STRANGE, BAD, body={"name": "Title"}),
    row("GET courses/c1", STRANGE, "200", "200", "200"),
    row("HEAD courses/c1", STRANGE, "200", "200", "200"),
    row("GET courses/c2", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET courses/none"),
    hidden("GET courses/gone"),
    malformed("GET courses/.hidden"),
    malformed("GET courses/%00"),
    malformed("GET courses/a%2Fb"),
    malformed("GET courses/%C3%A9"),
    malformed("GET courses/" + "x" * 65),
    malformed("PUT courses/-", TITLE),
    row("DELETE courses/temporary", STRANGE, FORBIDDEN, FORBIDDEN, "204", MISSING),
    hidden("DELETE courses/none"),
    hidden("DELETE courses/gone"),
]

MODULES = [
    row("PUT courses/c1/modules/m3", STRANGE, FORBIDDEN, "201", "200", body=PLACE),
    row("PUT courses/c2/modules/m1", STRANGE, STRANGE, STRANGE, "409 module-elsewhere", body=PLACE),
    row(
        "PUT courses/c1/modules/m2", STRANGE, FORBIDDEN, STRANGE, "409 module-elsewhere", body=PLACE
    ),
    hidden("PUT courses/none/modules/m9", PLACE),
    hidden("PUT courses/gone/modules/m9", PLACE),
    malformed("PUT courses/c1/modules/a%20b", PLACE),
    row("DELETE courses/c1/modules/temporary", STRANGE, FORBIDDEN, "204", MISSING),
    hidden("DELETE courses/c1/modules/none"),
    hidden("DELETE courses/c1/modules/m2"),
    hidden("DELETE courses/c2/modules/m1"),
    hidden("DELETE courses/c1/modules/m-gone"),
    hidden("DELETE courses/gone/modules/m4"),
    row("PUT courses/c1/order", STRANGE, FORBIDDEN, UNFIT, UNFIT, body={"modules": ["none"]}),
    row("PUT courses/c2/order", STRANGE, STRANGE, STRANGE, "200", body={"modules": ["m2"]}),
    hidden("PUT courses/none/order", {"modules": []}),
    hidden("PUT courses/gone/order", {"modules": ["m4"]}),
    row("PUT modules/m1/order", STRANGE, FORBIDDEN, UNFIT, UNFIT, body={"videos": []}),
    row("PUT modules/m2/order", STRANGE, STRANGE, STRANGE, UNFIT, body={"videos": []}),
    hidden("PUT modules/none/order", {"videos": []}),
    hidden("PUT modules/m-gone/order", {"videos": []}),
    hidden("PUT modules/m4/order", {"videos": []}),
    malformed("PUT modules/.m/order", {"videos": []}),
]

ENROLLMENTS = [
    row("GET courses/c1/enrollments", STRANGE, FORBIDDEN, "200", "200"),
    row("GET courses/c2/enrollments", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET courses/none/enrollments"),
    hidden("GET courses/gone/enrollments"),
    row("PUT courses/c1/enrollments/bob", STRANGE, FORBIDDEN, "201", "200", body=STUDENT),
    row(
        "PUT courses/c1/enrollments/tess",
        STRANGE,
        FORBIDDEN,
        FORBIDDEN,
        "200",
        body={"role": "instructor"},
    ),
    row(
        "PUT courses/c1/enrollments/eva",
        STRANGE,
        FORBIDDEN,
        FORBIDDEN,
        "201",
        "200",
        body={"role": "instructor"},
    ),
    row(
        "PUT courses/c1/enrollments/bob",
        STRANGE,
        FORBIDDEN,
        BAD,
        BAD,
        body={"role": "admin"},
        id="unknown role",
    ),
    hidden("PUT courses/none/enrollments/bob", STUDENT),
    hidden("PUT courses/gone/enrollments/bob", STUDENT),
    malformed("PUT courses/c1/enrollments/a%40b", STUDENT),
    row("DELETE courses/c1/enrollments/nobody", STRANGE, FORBIDDEN, MISSING, MISSING),
    row("DELETE courses/c1/enrollments/tina", STRANGE, FORBIDDEN, FORBIDDEN, "204", MISSING),
    hidden("DELETE courses/none/enrollments/ada"),
]

PRIVACY = [
    row("GET users/ada/data", FORBIDDEN, "200", FORBIDDEN, "200", FORBIDDEN),
    row("GET users/nobody/data", FORBIDDEN, FORBIDDEN, FORBIDDEN, "200", FORBIDDEN),
    row("DELETE users/nobody/data", FORBIDDEN, FORBIDDEN, FORBIDDEN, "204", FORBIDDEN),
    malformed("GET users/a%20b/data"),
]
HOOK = {"url": "https://hooks.example/", "types": ["video.ready"]}
WEBHOOKS = [
    row("GET webhooks", FORBIDDEN, FORBIDDEN, FORBIDDEN, "200"),
    row("PUT webhooks/w1", FORBIDDEN, FORBIDDEN, FORBIDDEN, "201", "200", body=HOOK),
    row("GET webhooks/w1", FORBIDDEN, FORBIDDEN, FORBIDDEN, "200"),
    row("POST webhooks/w1/resend", FORBIDDEN, FORBIDDEN, FORBIDDEN, "202"),
    row("GET webhooks/none", FORBIDDEN, FORBIDDEN, FORBIDDEN, MISSING),
    row("DELETE webhooks/w1", FORBIDDEN, FORBIDDEN, FORBIDDEN, "204", MISSING),
]

VIDEOS = [
    row("GET modules/m1/videos", STRANGE, "200", "200", "200"),
    row("GET modules/m2/videos", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET modules/none/videos"),
    hidden("GET modules/m-gone/videos"),
    hidden("GET modules/m4/videos"),
    malformed("GET modules/.m/videos"),
    row(
        "POST modules/m1/videos",
        STRANGE,
        FORBIDDEN,
        UNSUPPORTED,
        UNSUPPORTED,
        body={},
    ),
    hidden("POST modules/none/videos", {}),
    hidden("POST modules/m-gone/videos", {}),
    row("GET videos/{ready}", STRANGE, "200", "200", "200"),
    row("GET videos/{processing}", STRANGE, "200", "200", "200"),
    row("GET videos/{elsewhere}", STRANGE, STRANGE, STRANGE, "200"),
    row("PATCH videos/{processing}", STRANGE, FORBIDDEN, "200", "200", body=TITLE),
    row(
        "PATCH videos/{processing}",
        STRANGE,
        FORBIDDEN,
        "200",
        "200",
        body={"position": 1},
        id="a place",
    ),
    row("PATCH videos/{elsewhere}", STRANGE, STRANGE, STRANGE, "200", body=TITLE),
    row("POST videos/{processing}/restore", STRANGE, FORBIDDEN, "200", "200"),
    row("PUT videos/{ready}/captions/en", STRANGE, FORBIDDEN, UNSUPPORTED, UNSUPPORTED, body={}),
    row("PUT videos/{ready}/chapters", STRANGE, FORBIDDEN, UNSUPPORTED, UNSUPPORTED, body={}),
    row("PUT videos/{ready}/file", STRANGE, FORBIDDEN, UNSUPPORTED, UNSUPPORTED, body={}),
    row("GET videos/{ready}/captions/en", STRANGE, MISSING, MISSING, MISSING),
    row("GET videos/{ready}/captions/none", STRANGE, BAD, BAD, BAD),
    row("GET videos/{processing}/chapters", STRANGE, MISSING, MISSING, MISSING),
    row("DELETE videos/{ready}/captions/en", STRANGE, FORBIDDEN, MISSING, MISSING),
    row("DELETE videos/{ready}/chapters", STRANGE, FORBIDDEN, MISSING, MISSING),
    row("DELETE videos/{temporary}", STRANGE, FORBIDDEN, "204", MISSING),
    row("POST videos/{temporary}/restore", STRANGE, STRANGE, "200", "200"),
]

THINGS_OF_A_VIDEO = [
    ("GET videos/{id}", None),
    ("PATCH videos/{id}", TITLE),
    ("DELETE videos/{id}", None),
    ("POST videos/{id}/playback", {}),
    ("POST videos/{id}/offline", KEPT),
    ("GET videos/{id}/stream", None),
    ("GET videos/{id}/download", None),
    ("GET videos/{id}/thumbnails/small", None),
    ("GET videos/{id}/captions/en", None),
    ("PUT videos/{id}/captions/en", {}),
    ("DELETE videos/{id}/captions/en", None),
    ("GET videos/{id}/chapters", None),
    ("PUT videos/{id}/chapters", {}),
    ("DELETE videos/{id}/chapters", None),
    ("PUT videos/{id}/thumbnail", {"at": 0}),
    ("PUT videos/{id}/file", {}),
    ("GET videos/{id}/storyboard.vtt", None),
    ("GET videos/{id}/storyboard-0123456789abcdef.jpg", None),
    ("GET videos/{id}/progress", None),
    ("PUT videos/{id}/progress", {}),
]
NAMES_OF_NOTHING = ("unknown", "deleted", "in_deleted_module", "in_deleted_course", "no_uuid")
NOTHING = [
    hidden(call.replace("{id}", f"{{{name}}}"), body)
    for name in NAMES_OF_NOTHING
    for call, body in THINGS_OF_A_VIDEO
]
NOTHING += [hidden("POST videos/{unknown}/restore"), hidden("POST videos/{no_uuid}/restore")]

PLAYING = [
    row("POST videos/{ready}/playback", STRANGE, "201", "201", "201", body={}),
    row("POST videos/{elsewhere}/playback", STRANGE, STRANGE, STRANGE, "409 not-ready", body={}),
    row("POST videos/{ready}/offline", STRANGE, "201", "201", "201", body=KEPT),
    row("POST videos/{elsewhere}/offline", STRANGE, STRANGE, STRANGE, "409 not-ready", body=KEPT),
    refused("POST videos/{ready}/offline/renewal", {"licence": ""}),
    refused("POST videos/{unknown}/offline/renewal", {"licence": ""}),
    row("GET videos/{ready}/stream", STRANGE, "200", "200", "200"),
    row("HEAD videos/{ready}/stream", STRANGE, "200", "200", "200"),
    row("GET videos/{elsewhere}/stream", STRANGE, STRANGE, STRANGE, "409 not-ready"),
    row("GET videos/{ready}/download", STRANGE, "200", "200", "200"),
    row("HEAD videos/{ready}/download", STRANGE, "200", "200", "200"),
    row("GET videos/{ready}/thumbnails/small", STRANGE, "200", "200", "200"),
    row("PUT videos/{ready}/thumbnail", STRANGE, FORBIDDEN, "200", "200", body={"at": 0}),
    row("GET videos/{ready}/storyboard.vtt", STRANGE, "200", "200", "200"),
    row("HEAD videos/{ready}/storyboard.vtt", STRANGE, "200", "200", "200"),
    row("GET videos/{ready}/thumbnails/huge", STRANGE, MISSING, MISSING, MISSING),
    row("GET videos/{ready}/progress", STRANGE, "200", "200", "200"),
    row("GET videos/{ready}/receipt", STRANGE, "200", "200", "200"),
    row("GET videos/{ready}/receipt?user_id=tess", STRANGE, FORBIDDEN, "200", "200"),
    row("GET courses/c1/progress", STRANGE, "200", "200", "200"),
    row("GET courses/c1/progress?user_id=tess", STRANGE, FORBIDDEN, "200", "200"),
    row("GET courses/c2/progress", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET courses/none/progress"),
    row("POST events/grant", "201", "201", "201", "201", body={}),
]

NOT_READY = [
    row(call, STRANGE, said, said, said, body=body, id=f"{call} {said}")
    for name, said in (("processing", "409 not-ready"), ("failed", "409 failed"))
    for call, body in (
        (f"POST videos/{{{name}}}/playback", {}),
        (f"POST videos/{{{name}}}/offline", KEPT),
        (f"GET videos/{{{name}}}/stream", None),
        (f"GET videos/{{{name}}}/download", None),
        (f"GET videos/{{{name}}}/thumbnails/small", None),
        (f"GET videos/{{{name}}}/storyboard.vtt", None),
    )
]

SIGNING_IN = [
    # A page asks before it knows that nobody is signed in.
    pytest.param("GET session", None, ("204", *["200"] * 5), id="GET session"),
    row("POST session", "204", "204", "204", "204"),
    # Signing out needs no token: it may have ended.
    pytest.param("DELETE session", None, ("204",) * len(CALLERS), id="DELETE session"),
]

ANALYTICS = [
    row("GET analytics/courses/c1", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/courses/c1?from=2026-01-01&to=2026-01-01", STRANGE, FORBIDDEN, BAD, BAD),
    row("GET analytics/courses/c2", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET analytics/courses/none"),
    hidden("GET analytics/courses/gone"),
    malformed("GET analytics/courses/%00"),
    row("GET analytics/courses/c1/students", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/courses/c2/students", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET analytics/courses/none/students"),
    row("GET analytics/videos/{ready}", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/videos/{processing}", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/videos/{elsewhere}", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET analytics/videos/{deleted}"),
    hidden("GET analytics/videos/{unknown}"),
    hidden("GET analytics/videos/{no_uuid}"),
    row("GET analytics/courses/c1/quality", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/courses/c2/quality", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET analytics/courses/none/quality"),
    row("GET analytics/videos/{ready}/quality", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/videos/{ready}/quality?from=x", STRANGE, FORBIDDEN, BAD, BAD),
    row("GET analytics/videos/{elsewhere}/quality", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET analytics/videos/{deleted}/quality"),
    row("GET analytics/sessions", "200", "200", "200", "200"),
    row("GET analytics/sessions?user_id=ada", "200", "200", "200", "200"),
    row("GET analytics/sessions?video_id=x", BAD, BAD, BAD, BAD),
    hidden("GET analytics/sessions/none"),
    hidden("GET analytics/sessions/none?user_id=ada"),
    row("GET analytics/popular", FORBIDDEN, FORBIDDEN, FORBIDDEN, "200"),
    row("GET analytics/popular?course_id=c1", STRANGE, FORBIDDEN, "200", "200"),
    row("GET analytics/popular?course_id=c2&days=30", STRANGE, STRANGE, STRANGE, "200"),
    hidden("GET analytics/popular?course_id=none"),
    malformed("GET analytics/popular?days=2"),
    row("GET analytics/server", FORBIDDEN, FORBIDDEN, FORBIDDEN, "200"),
    row("GET analytics/storage", FORBIDDEN, FORBIDDEN, FORBIDDEN, "200"),
]

ADDRESSES = [
    row("GET nowhere", MISSING, MISSING, MISSING, MISSING),
    row("GET courses/", MISSING, MISSING, MISSING, MISSING),
    row("POST courses", *["405 method-not-allowed"] * 4),
    row("DELETE videos/{ready}/stream", *["405 method-not-allowed"] * 4),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ids(shared_service: Any, mp4: Path) -> dict[str, str]:
    """A video of each kind by its name."""
    service = shared_service
    for path, body in (
        ("courses/c2", {"title": "Course two"}),
        ("courses/c2/modules/m2", PLACE),
        ("courses/c1/modules/m-gone", PLACE),
        ("courses/gone", {"title": "Course gone"}),
        ("courses/gone/modules/m4", PLACE),
        ("courses/gone/enrollments/tess", {"role": "instructor"}),
        ("courses/gone/enrollments/ada", {"role": "student"}),
        ("courses/c1/enrollments/tina", {"role": "instructor"}),
        ("courses/temporary", {"title": "Course temporary"}),
        ("courses/temporary/enrollments/tess", {"role": "instructor"}),
        ("courses/temporary/enrollments/ada", {"role": "student"}),
        ("courses/c1/modules/temporary", PLACE),
    ):
        await service.put(path, body)
    made = {
        "ready": (await service.ready_video(mp4))["id"],
        "processing": await service.video_row("m1"),
        "failed": await service.video_row("m1", status="failed"),
        "temporary": await service.video_row("m1"),
        "elsewhere": await service.video_row("m2", "c2"),
        "deleted": await service.video_row("m1", status="ready"),
        "in_deleted_module": await service.video_row("m-gone", status="ready"),
        "in_deleted_course": await service.video_row("m4", "gone", status="ready"),
        "unknown": str(uuid4()),
        "no_uuid": "no-uuid",
    }
    for path in (f"videos/{made['deleted']}", "courses/c1/modules/m-gone", "courses/gone"):
        assert (await service.ask("root", "DELETE", path)).said == "204"
    return made


@pytest.mark.parametrize(
    ("call", "body", "expected"),
    [
        *COURSES,
        *MODULES,
        *ENROLLMENTS,
        *WEBHOOKS,
        *PRIVACY,
        *VIDEOS,
        *NOTHING,
        *PLAYING,
        *NOT_READY,
        *SIGNING_IN,
        *ANALYTICS,
        *ADDRESSES,
    ],
)
async def test_caller_is_answered(
    shared_service: Any, ids: dict[str, str], call: str, body: Any, expected: tuple[str, ...]
) -> None:
    method, path = call.format(**ids).split(" ")

    answers = [await shared_service.ask(who, method, path, body) for who in CALLERS]

    if method == "HEAD":  # which has no body to tell a code in
        expected = tuple(said.split()[0] for said in expected)
    assert tuple(answer.said for answer in answers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic YTpi"},
    ],
)
@pytest.mark.parametrize(
    "call", ["GET courses", "GET nowhere", "PUT courses/c1", "POST events/grant"]
)
async def test_without_token_the_answer_says_how_to_come_back(
    shared_service: Any, headers: dict[str, str], call: str
) -> None:
    method, path = call.split(" ")

    answer = await shared_service.ask(None, method, path, headers=headers)

    assert answer.said == NO_TOKEN
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("name", ["access_token", "token", "jwt"])
async def test_query_is_never_read_for_a_token(shared_service: Any, name: str) -> None:
    token = shared_service.client("ada").headers["Authorization"].split(" ")[1]

    answer = await shared_service.ask(None, "GET", f"courses?{name}={token}")

    assert answer.said == NO_TOKEN


@pytest.mark.parametrize(
    "call",
    [
        "GET courses/{}",
        "GET modules/{}/videos",
        "GET videos/{}",
        "GET videos/{}/stream",
        "GET videos/{}/download",
        "GET videos/{}/thumbnails/small",
        "GET videos/{}/captions/en",
        "DELETE videos/{}/chapters",
        "DELETE videos/{}",
        "POST videos/{}/playback",
        "POST videos/{}/offline",
        "POST videos/{}/restore",
    ],
)
async def test_stranger_cannot_tell_what_exists(
    shared_service: Any, ids: dict[str, str], call: str
) -> None:
    """Whole answers are compared, but for what names the request and the time."""
    kind = call.split(" ")[1].split("/")[0]
    names = {"courses": ("c1", "gone", "none"), "modules": ("m1", "m-gone", "m2", "none")}
    told = []
    for name in names.get(kind, ids.values()):
        method, path = call.format(name).split(" ")
        answer = await shared_service.ask("eve", method, path)
        kept = {key: value for key, value in answer.headers.items() if key not in UNIQUE_HEADERS}
        told.append((answer.status, kept, {**answer.json, "instance": ""}))

    assert all(one == told[0] for one in told)
