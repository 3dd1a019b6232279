"""Uploads by clients that can only POST: the method is in X-HTTP-Method-Override."""

import pytest

from tests.handlers.conftest import Service
from tests.handlers.uploads.tusing import OCTETS, VERSION, create, created, head, offset_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


def override(method: str, **headers: str) -> dict[str, str]:
    return {**VERSION, "X-HTTP-Method-Override": method, **headers}


@pytest.mark.parametrize("method", ["PATCH", "patch"])
async def test_overridden_patch_appends(service: Service, method: str) -> None:
    location = await created(service, 1000)
    headers = override(method, **OCTETS, **{"Upload-Offset": "0"})

    answer = await service.ask("tess", "POST", location, headers=headers, data=bytes(10))

    assert (answer.said, answer.headers["Upload-Offset"]) == ("204", "10")
    assert await offset_of(service, location) == 10


async def test_overridden_head_reports_the_offset(service: Service) -> None:
    location = await created(service, 1000)

    answer = await service.ask("tess", "POST", location, headers=override("HEAD"))

    assert (answer.status, answer.headers["Upload-Offset"]) == (200, "0")
    assert answer.headers["Upload-Length"] == "1000"


async def test_overridden_delete_terminates(service: Service) -> None:
    location = await created(service, 1000)

    answer = await service.ask("tess", "POST", location, headers=override("DELETE"))

    assert answer.said == "204"
    assert (await head(service, location)).status == 404


async def test_overridden_requests_need_the_same_rights(service: Service) -> None:
    location = await created(service, 1000)

    for method in ("PATCH", "DELETE", "HEAD"):
        headers = override(method, **OCTETS, **{"Upload-Offset": "0"})
        answer = await service.ask("ada", "POST", location, headers=headers, data=b"x")
        assert answer.status == 403, method

    assert await offset_of(service, location) == 0


@pytest.mark.parametrize("headers", [VERSION, override("GET"), override("POST"), override("")])
async def test_other_methods_are_refused(service: Service, headers: dict[str, str]) -> None:
    location = await created(service, 1000)

    answer = await service.ask("tess", "POST", location, headers=headers, data=b"")

    assert answer.said == "405 method-not-allowed"
    assert answer.headers["Allow"] == "DELETE, HEAD, OPTIONS, PATCH"


@pytest.mark.parametrize(("method", "said"), [("POST", "201"), ("PATCH", "405 method-not-allowed")])
async def test_a_creation_is_a_post(service: Service, method: str, said: str) -> None:
    answer = await create(service, 1000, **{"X-HTTP-Method-Override": method})

    assert answer.said == said
