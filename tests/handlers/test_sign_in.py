"""Sessions over real sockets: signing in, what the cookie opens and for whom, signing out."""

import time
from collections.abc import AsyncIterator
from datetime import datetime
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.commands.tokens import mint_token
from tests.handlers.access.over_http.test_cors_http import ALLOWED
from tests.handlers.conftest import SECRET, Service, StartService, furnish
from tests.harness.wire import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR_S = 3600
FRIEND = "http://lms.example"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
NO_TOKEN = "401 invalid-token"
FORBIDDEN = "403 not-allowed"
TITLE = {"title": "Course one"}
BEHIND_TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "video.example"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(start_shared_service: StartService) -> AsyncIterator[Service]:
    service = await start_shared_service(CORS_ORIGINS=FRIEND)
    await furnish(service)
    yield service


def bearer(user_id: str, ttl_s: int = HOUR_S, **claims: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint_token(SECRET, user_id, ttl_s=ttl_s, **claims)}"}


def cookie_of(answer: Any) -> Any:
    """The morsel that the answer sets."""
    (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
    return cookie


async def signed_in(service: Service, user_id: str, *roles: str) -> dict[str, str]:
    """The header field of a browser in which this user has signed in."""
    answer = await service.ask(
        None, "POST", "session", headers={**bearer(user_id, roles=roles), **OWN_PAGE}
    )
    assert answer.said == "204"
    cookie = cookie_of(answer)
    return {"Cookie": f"theme=dark; {cookie.key}={cookie.value}"}


async def ask(service: Service, method: str, path: str, body: Any = None, **headers: str) -> Any:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await service.ask(None, method, path, body, headers=fields)


async def test_a_session_lives_as_long_as_the_token_says(service: Service) -> None:
    answer = await service.ask(None, "POST", "session", headers=bearer("ada", 600))

    cookie = cookie_of(answer)
    assert answer.said == "204"
    assert not answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    assert 590 <= int(cookie["max-age"]) <= 600
    assert (cookie["path"], cookie["samesite"]) == ("/", "Strict")
    assert cookie["httponly"]
    assert not cookie["secure"]
    assert not cookie["domain"]


async def test_the_cookie_counts_as_the_token(service: Service) -> None:
    session = await signed_in(service, "ada")

    assert (await ask(service, "GET", "courses/c1", **session)).said == "200"
    assert (await ask(service, "GET", "courses/c2", **session)).said == "403 not-enrolled"
    assert (await ask(service, "GET", "courses/c1")).said == NO_TOKEN


async def test_a_cookie_field_may_come_in_several_lines(service: Service) -> None:
    """HTTP/2 splits it, and a proxy may pass it on as it came (RFC 9113 section 8.2.3)."""
    session = await signed_in(service, "ada")
    lines = [("Cookie", one) for one in ("a=b", *session["Cookie"].split("; "), "c=d")]

    assert (await service.ask(None, "GET", "courses/c1", headers=lines)).said == "200"


async def test_a_page_learns_who_is_signed_in(service: Service) -> None:
    token = mint_token(SECRET, "root", roles=["admin"], ttl_s=600, name="Rosa Root")
    headers = {"Cookie": f"coursestream={token}"}

    answer = await ask(service, "GET", "session", **headers)

    assert (
        answer.json.items() >= {"user_id": "root", "name": "Rosa Root", "roles": ["admin"]}.items()
    )
    ends_at = datetime.fromisoformat(answer.json["expires_at"]).timestamp()
    assert time.time() + 590 < ends_at <= time.time() + 600
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_a_cookie_opened_is_kept_from_shared_caches(service: Service) -> None:
    session = await signed_in(service, "ada")

    shown = await ask(service, "GET", "courses/c1", **session)
    refused = await ask(service, "GET", "courses/c2", **session)
    by_header = await ask(service, "GET", "courses/c1", **bearer("ada"))

    assert shown.headers["Cache-Control"] == "private, no-cache"
    assert refused.headers["Cache-Control"] == "private, no-cache"
    assert "Cookie" in shown.headers["Vary"]
    assert "Cookie" in refused.headers["Vary"]
    assert "Cookie" not in by_header.headers["Vary"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"Origin": "{url}"}, "200", id="our origin"),
        pytest.param({"Sec_Fetch_Site": "same-origin"}, "200", id="same-origin"),
        pytest.param({}, FORBIDDEN, id="nothing stated"),
        pytest.param({"Origin": "http://evil.example"}, FORBIDDEN, id="another origin"),
        pytest.param({"Origin": FRIEND}, FORBIDDEN, id="an origin of CORS_ORIGINS"),
        pytest.param({"Origin": "null"}, FORBIDDEN, id="an opaque origin"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, FORBIDDEN, id="same-site"),
        pytest.param({"Sec_Fetch_Site": "none"}, FORBIDDEN, id="no page"),
    ],
)
async def test_a_write_by_cookie_needs_a_page_of_ours(
    service: Service, fields: dict[str, str], said: str
) -> None:
    session = await signed_in(service, "root", "admin")
    stated = {name: value.format(url=service.url) for name, value in fields.items()}

    answer = await ask(service, "PUT", "courses/c1", TITLE, **session, **stated)

    assert answer.said == said
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "call",
    [
        "POST modules/m1/videos",
        "POST uploads",
        "PATCH videos/00000000-0000-0000-0000-000000000000",
        "DELETE courses/c1",
        "POST events/grant",
        "DELETE session",
        "POST session",
    ],
)
async def test_every_write_of_another_origin_is_refused(service: Service, call: str) -> None:
    method, path = call.split(" ")
    session = await signed_in(service, "root", "admin")

    answer = await ask(service, method, path, **session, Origin="http://evil.example")

    assert answer.said == FORBIDDEN
    assert (await ask(service, "GET", "courses/c1", **session)).said == "200"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({}, "200", id="no TLS"),
        pytest.param({"Sec_Fetch_Site": "none"}, "200", id="an address typed in"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, NO_TOKEN, id="a page of the same site"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, NO_TOKEN, id="a page of another site"),
        pytest.param({"Origin": FRIEND}, NO_TOKEN, id="an origin of CORS_ORIGINS"),
    ],
)
async def test_pages_of_other_origins_read_nothing_by_cookie(
    service: Service, fields: dict[str, str], said: str
) -> None:
    session = await signed_in(service, "ada")

    answer = await ask(service, "GET", "courses/c1", **session, **fields)

    assert answer.said == said
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Set-Cookie" not in answer.headers  # that page must not sign anybody out


async def test_a_friendly_page_goes_on_with_its_own_token(service: Service) -> None:
    session = await signed_in(service, "ada")

    answer = await ask(service, "GET", "courses/c1", **session, **bearer("tess"), Origin=FRIEND)

    assert (answer.said, answer.headers[ALLOWED]) == ("200", FRIEND)
    assert answer.json["role"] == "instructor"


async def test_header_beside_a_cookie_wins(service: Service) -> None:
    session = await signed_in(service, "root", "admin")

    student = await ask(service, "PUT", "courses/c1", TITLE, **session, **bearer("ada"))
    nobody = await ask(service, "GET", "courses/c1", **session, Authorization="Bearer x.y.z")

    assert student.said == FORBIDDEN
    assert "role" in student.json["detail"]
    assert nobody.said == NO_TOKEN
    assert "Set-Cookie" not in nobody.headers


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(mint_token(SECRET, "ada", ttl_s=-HOUR_S), id="ended"),
        pytest.param("x.y.z", id="no token"),
        pytest.param(mint_token(SECRET[::-1], "ada"), id="of another service"),
    ],
)
async def test_session_without_a_valid_token_ends(service: Service, token: str) -> None:
    answer = await ask(service, "GET", "courses/c1", Cookie=f"coursestream={token}")

    assert answer.said == NO_TOKEN
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert (cookie_of(answer).key, cookie_of(answer)["max-age"]) == ("coursestream", "0")


@pytest.mark.parametrize(
    "cookie", ["", f"coursestream={mint_token(SECRET, 'ada', ttl_s=-HOUR_S)}", "coursestream=x"]
)
async def test_signing_out_needs_no_valid_token(service: Service, cookie: str) -> None:
    answer = await ask(service, "DELETE", "session", **OWN_PAGE, Cookie=cookie)

    assert answer.said == "204"
    assert (cookie_of(answer).value, cookie_of(answer)["max-age"]) == ("", "0")


async def test_a_session_is_begun_by_a_page_of_ours(service: Service) -> None:
    headers = {**bearer("ada"), "Origin": FRIEND}

    answer = await service.ask(None, "POST", "session", headers=headers)

    assert answer.said == FORBIDDEN
    assert "Set-Cookie" not in answer.headers


async def test_token_that_no_cookie_holds_is_refused(service: Service) -> None:
    token = mint_token(SECRET, "ada", name="A" * 4000)

    answer = await ask(service, "POST", "session", Authorization=f"Bearer {token}")

    assert answer.said == "413 too-large"
    assert "Set-Cookie" not in answer.headers


async def test_endless_token_has_a_session_that_browsers_keep(service: Service) -> None:
    session = {"Authorization": f"Bearer {mint_token(SECRET, 'ada', ttl_s=10**300)}"}

    begun = await ask(service, "POST", "session", **session)
    shown = await ask(service, "GET", "session", **session)

    assert cookie_of(begun)["max-age"] == str(400 * 86400)
    assert shown.json["expires_at"].startswith("9999-12-31")


async def test_grants_and_metrics_do_not_know_the_cookie(service: Service) -> None:
    session = await signed_in(service, "svc", "service")

    metrics = await ask(service, "GET", "/metrics", **session)
    events = await ask(service, "GET", "/play/no-grant/events", **session)

    assert (metrics.said, events.said) == (NO_TOKEN, NO_TOKEN)
    assert "Set-Cookie" not in metrics.headers
    assert "Set-Cookie" not in events.headers


async def test_events_stream_by_cookie(service: Service) -> None:
    session = await signed_in(service, "tess")
    client = service.anonymous()

    async with client.get("/api/v1/events", headers={**session, **OWN_PAGE}) as stream:
        assert (stream.status, stream.content_type) == (200, "text/event-stream")
        assert stream.headers["Cache-Control"] == "no-store"
        await service.put("courses/c1/enrollments/new", {"role": "student"})
        while not (line := await stream.content.readline()).startswith(b"event:"):
            pass
    assert line == b"event: enrollment.changed\n"


async def test_repeated_ranges_by_cookie_end_with_the_access(service: Service, mp4: Path) -> None:
    video = await service.ready_video(mp4)
    await service.put("courses/c1/enrollments/leaver", {"role": "student"})
    session = await signed_in(service, "leaver")
    path = f"/api/v1/videos/{video['id']}/stream"
    lines = [f"GET {path} HTTP/1.1", "Host: a", f"Cookie: {session['Cookie']}"]

    async with connected(service.url) as wire:
        first = await wire.ask(*lines, "Range: bytes=0-9")
        again = await wire.ask(*lines, "Range: bytes=5-9")
        foreign = await wire.ask(*lines, "Sec-Fetch-Site: same-site", "Range: bytes=0-9")
        assert (first.status, again.status, foreign.status) == (206, 206, 401)
        assert again.body == first.body[5:]
        withdrawn = await service.ask("root", "DELETE", "courses/c1/enrollments/leaver")
        assert withdrawn.said == "204"
        assert await service.is_soon("403 not-enrolled", "leaver", "GET", f"videos/{video['id']}")
        assert (await wire.ask(*lines, "Range: bytes=0-9")).status == 403


@pytest.mark.parametrize(
    ("trusted", "name", "is_secure"),
    [
        pytest.param("127.0.0.0/8", "__Host-coursestream", True, id="trusted"),
        pytest.param("10.0.0.0/8", "coursestream", False, id="not trusted"),
    ],
)
async def test_behind_a_proxy_with_tls_the_cookie_is_for_tls_only(
    start_shared_service: StartService, trusted: str, name: str, is_secure: bool
) -> None:
    service = await start_shared_service(TRUSTED_PROXIES=trusted)

    begun = await ask(service, "POST", "session", **bearer("root", roles=["admin"]), **BEHIND_TLS)
    cookie = cookie_of(begun)
    session = {"Cookie": f"{cookie.key}={cookie.value}"}
    page = {"Origin": "https://video.example"}
    changed = await ask(service, "PUT", "courses/c1", TITLE, **session, **page, **BEHIND_TLS)

    assert (cookie.key, bool(cookie["secure"])) == (name, is_secure)
    assert changed.said == ("200" if is_secure else FORBIDDEN)
