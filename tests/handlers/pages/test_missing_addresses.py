"""Addresses that nothing has: a page for people, problem details for programs."""

from typing import Any

import pytest
import pytest_asyncio

from tests.handlers.conftest import Service, StartService, furnish
from tests.programs.web_build import built_pages

pytestmark = pytest.mark.asyncio(loop_scope="module")

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
FRIEND = "https://lms.example"


@pytest.fixture(scope="module")
def built() -> None:
    built_pages()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(built: None, start_shared_service: StartService) -> Service:
    service: Service = await start_shared_service(CORS_ORIGINS=FRIEND)
    await furnish(service)
    return service


async def shown(service: Service, path: str, who: str | None = None, **options: Any) -> Any:
    headers = {"Accept": BROWSER, **options.pop("headers", {})}
    return await service.ask(who, options.pop("method", "GET"), path, headers=headers)


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/nowhere/at/all/",
        "/index.html",
        "/watch",
        "/watch/",
        "/watch/not-a-uuid",
        "/watch/0198c0de-0000-7000-8000-00000000000g",
        "/watch/0198c0de-0000-7000-8000-000000000001/more",
        "/embed/not-a-uuid",
        "/studio/nothing/of/that/name/there",
        "/static/nothing.js",
        "/static/..%2f..%2fetc%2fpasswd",
        "/docs/",
        "/%00",
        "/%FF",
        "/play",
        "/play/a",
        "/media/",
        "/api",
        "/api/v2/courses",
    ],
)
async def test_mistyped_address_has_a_page_for_people(service: Service, path: str) -> None:
    page = await shown(service, path)
    head = await shown(service, path, method="HEAD")
    problem = await service.ask(None, "GET", path, headers={"Accept": "application/json"})

    assert (page.status, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert b"<main" in page.body
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert (head.status, head.headers["Content-Type"]) == (404, page.headers["Content-Type"])
    assert problem.said == "404 not-found"
    assert "Accept" in page.headers["Vary"]
    assert "Accept" in problem.headers["Vary"]


async def test_accepted_types_may_come_in_several_lines(service: Service) -> None:
    headers = [("Accept", "application/json;q=0.1"), ("Accept", "text/html")]
    async with service.anonymous().get("/nowhere", headers=headers) as answer:
        assert answer.content_type == "text/html"


async def test_mistyped_address_of_the_api_has_a_page_for_who_may_see_it(service: Service) -> None:
    assert (await shown(service, "nowhere", "ada")).headers["Content-Type"].startswith("text/html")
    assert (await service.ask("ada", "GET", "nowhere")).said == "404 not-found"
    assert (await shown(service, "nowhere")).said == "401 invalid-token"


async def test_missing_thing_of_the_api_stays_a_problem(service: Service) -> None:
    assert (await shown(service, "courses/none", "root")).said == "404 not-found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_who_writes_to_no_address_gets_a_problem(service: Service, method: str) -> None:
    assert (await shown(service, "/nowhere", method=method)).said == "404 not-found"


async def test_page_in_a_frame_may_be_framed_by_the_same_sites(service: Service) -> None:
    framed = await shown(service, "/embed/not-a-uuid")
    alone = await shown(service, "/watch/not-a-uuid")

    assert framed.headers["Content-Security-Policy"].endswith(f"frame-ancestors {FRIEND}")
    assert alone.headers["Content-Security-Policy"].endswith("frame-ancestors 'none'")


async def test_pages_are_told_where_people_sign_in(start_shared_service: StartService) -> None:
    service = await start_shared_service(SIGN_IN_URL="https://lms.example/go?to=video")
    unset = await start_shared_service()

    answer = await service.ask(None, "GET", "/page-settings.json")

    assert answer.json == {"sign_in_url": "https://lms.example/go?to=video"}
    assert answer.headers["Cache-Control"] == "no-cache"
    assert (await unset.ask(None, "GET", "/page-settings.json")).json == {"sign_in_url": None}
