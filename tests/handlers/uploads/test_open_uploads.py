"""Open uploads: how many a user may have, who sees them, who ends them, and what ends them."""

import asyncio
from typing import Any

import pytest

from handlers import keys
from tests.handlers.conftest import Service, StartService, furnish
from tests.handlers.uploads.tusing import (
    MIB,
    TESS,
    VERSION,
    create,
    created,
    head,
    patch,
    patching,
    send,
    upload_id_of,
)
from tests.handlers.uploads.uploading import is_nothing_left, sending, until_it_arrives
from tests.harness.waiting import wait_until

LIMITED = "429 rate-limited"
MOST = 3
RESERVED = "SELECT count(*) AS count, sum(reserved_bytes)::bigint AS bytes FROM space_reservations"


@pytest.fixture
async def strict(start_service: StartService) -> Service:
    service: Service = await start_service(
        UPLOADS_PER_USER=str(MOST), STORAGE_QUOTA="64MiB", STORAGE_RESERVE="0"
    )
    await furnish(service)
    await service.put("courses/c1/enrollments/tom", {"role": "instructor"})
    return service


async def end(service: Service, location: str, who: str) -> str:
    answer = await service.ask(who, "DELETE", location, headers=VERSION)
    said: str = answer.said
    return said


async def reserved(service: Service) -> tuple[int, int]:
    row = await service.app[keys.DATABASE].fetch_one(RESERVED)
    assert row is not None
    return row.count, row.bytes or 0


async def listed(service: Service, path: str, who: str) -> list[str]:
    answer = await service.ask(who, "GET", path)
    assert answer.said == "200", answer.body
    return [f"/api/v1/uploads/{one['id']}" for one in answer.json["items"]]


async def test_one_too_many_gets_the_limit_and_the_way_to_end_one(strict: Service) -> None:
    locations = [await created(strict, 1000) for _ in range(MOST)]
    refused = await create(strict, 1000)

    assert refused.said == LIMITED
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["RateLimit-Policy"] == f'"uploads";q={MOST};qu="concurrent-requests"'
    assert refused.headers["RateLimit"] == '"uploads";r=0'
    assert "UPLOADS_PER_USER" in refused.json["detail"]
    assert "DELETE" in refused.json["detail"]
    assert await listed(strict, "uploads", "tess") == locations
    assert await end(strict, locations[0], "tess") == "204"
    assert (await create(strict, 1000)).said == "201"


async def test_forms_count_too_and_end_with_their_connection(strict: Service) -> None:
    for _ in range(MOST - 1):
        await created(strict, 1000)
    async with sending(strict, MIB) as upload:
        await upload.send(b"x" * 1000)
        await until_it_arrives(strict)
        assert (await create(strict, 1000)).said == LIMITED
        async with sending(strict, MIB) as second:
            assert (await second.answer()).status == 429
        upload.vanish()
        await wait_until(lambda: create(strict, 1000), lambda answer: answer.said != LIMITED)


async def test_what_became_a_video_counts_no_more(strict: Service, film: bytes) -> None:
    for _ in range(MOST + 1):
        assert (await patch(strict, await created(strict, len(film)), 0, film)).said == "204"


async def test_others_and_services_are_free_of_it(strict: Service) -> None:
    said = {
        who: [(await create(strict, 1000, who)).said for _ in range(MOST + 1)]
        for who in ("tess", "tom", "root", "svc")
    }

    assert said.pop("svc") == ["201"] * (MOST + 1)
    assert set(map(tuple, said.values())) == {("201",) * MOST + (LIMITED,)}


async def test_creations_at_once_do_not_slip_through(
    strict: Service, start_service: StartService
) -> None:
    other = await start_service(UPLOADS_PER_USER=str(MOST), STORAGE_RESERVE="0")

    answers = await asyncio.gather(*(create(one, 1000) for one in (strict, other) * 6))

    assert sorted(answer.said for answer in answers) == ["201"] * MOST + [LIMITED] * (12 - MOST)


async def test_bodiless_creations_leave_three_quarters_to_others(
    strict: Service, film: bytes
) -> None:
    for who in ("tess", "tom", "root"):
        for _ in range(MOST):
            assert (await create(strict, 64 * MIB, who)).said == "201"

    _, promised_bytes = await reserved(strict)
    assert 0 < promised_bytes <= 16 * MIB
    location = await created(strict, len(film), "svc")
    assert (await patch(strict, location, 0, film, "svc")).said == "204"


async def test_step_that_cannot_be_had_keeps_the_upload(start_service: StartService) -> None:
    quota = MIB
    service = await start_service(STORAGE_QUOTA=str(quota), STORAGE_RESERVE="0")
    await furnish(service)
    first, second = await created(service, quota - 1), await created(service, quota - 1)
    assert (await patch(service, first, 0, b"x" * (quota // 2))).said == "204"

    assert (await patch(service, second, 0, b"x" * (quota // 4))).said == "204"
    refused = await patch(service, second, quota // 4, b"x" * (quota // 2))
    assert refused.said == "507 over-quota"
    offset = int((await head(service, second)).headers["Upload-Offset"])
    assert quota // 4 <= offset <= quota // 2

    assert await end(service, first, "tess") == "204"
    rest = b"x" * (quota - 2 - offset)
    assert (await patch(service, second, offset, rest)).said == "204"


async def test_instructors_and_admins_see_and_end_them(strict: Service) -> None:
    locations = [await created(strict, 1000) for _ in range(2)]
    await patch(strict, locations[0], 0, b"x" * 10)

    for who in ("tom", "root", "svc"):
        assert await listed(strict, "courses/c1/uploads", who) == locations
    first = (await strict.ask("tom", "GET", "courses/c1/uploads")).json["items"][0]
    assert (first["uploaded_by"], first["length"], first["offset"]) == ("tess", 1000, 10)
    for who, said in (("ada", "403 not-allowed"), ("eve", "403 not-enrolled")):
        assert (await strict.ask(who, "GET", "courses/c1/uploads")).said == said
        assert await end(strict, locations[0], who) == said
    assert await listed(strict, "uploads", "tom") == []

    assert await end(strict, locations[0], "tom") == "204"
    assert await end(strict, locations[1], "root") == "204"
    assert await end(strict, locations[1], "root") == "404 not-found"
    assert (await head(strict, locations[0])).status == 404
    assert await is_nothing_left(strict)


async def test_list_is_paged(strict: Service) -> None:
    locations = [await created(strict, 1000) for _ in range(MOST)]

    page = (await strict.ask("tess", "GET", "uploads?limit=2")).json
    rest = (await strict.ask("tess", "GET", f"uploads?cursor={page['next_cursor']}")).json

    found = [one["id"] for one in page["items"] + rest["items"]]
    assert found == [str(upload_id_of(one)) for one in locations]
    assert rest["next_cursor"] is None


WAYS = {
    "withdrawn": ("DELETE", "courses/c1/enrollments/tess", None),
    "student": ("PUT", "courses/c1/enrollments/tess", {"role": "student"}),
    "module": ("DELETE", "courses/c1/modules/m1", None),
    "course": ("DELETE", "courses/c1", None),
}


@pytest.mark.parametrize("way", WAYS)
async def test_what_takes_the_right_ends_uploads_and_gives_room_back(
    strict: Service, way: str
) -> None:
    await strict.put("courses/c2", {"title": "Other"})
    await strict.put("courses/c2/enrollments/tess", {"role": "instructor"})
    await strict.put("courses/c2/modules/m2", {"title": "M", "position": 0})
    location = await created(strict, MIB)
    async with patching(strict.url, TESS, location, 0, MIB) as wire:
        await send(wire, b"x" * 1000)
        await until_it_arrives(strict)

        method, path, body = WAYS[way]
        assert (await strict.ask("root", method, path, body)).status in (200, 204)

        assert await reserved(strict) == (0, 0)
        answer: Any = await wire.answer("PATCH")
    assert answer.status in (403, 404, 423)
    assert (await head(strict, location)).status in (403, 404)
    assert await reserved(strict) == (0, 0)
    assert await listed(strict, "uploads", "tess") == []


async def test_form_of_a_withdrawn_teacher_ends(
    strict: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.uploads.form_upload.RIGHTS_AGE_S", 0.0)
    async with sending(strict, 2 * MIB) as upload:
        await upload.send(b"x" * (MIB // 2))
        await until_it_arrives(strict)
        await strict.ask("root", "DELETE", "courses/c1/enrollments/tess")
        await upload.send(b"x" * (MIB // 2))

        assert (await upload.answer()).status == 403
    assert await is_nothing_left(strict)
