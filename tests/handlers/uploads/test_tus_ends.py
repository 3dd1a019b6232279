"""Ends of uploads by tus, and their leftovers."""

from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from handlers import keys
from tests.handlers.conftest import Service
from tests.handlers.uploads.tusing import (
    MIB,
    OCTETS,
    TESS,
    VERSION,
    create,
    created,
    head,
    metadata,
    offset_of,
    partial_of,
    patch,
    patching,
    send,
    stored_bytes,
)
from tests.handlers.uploads.uploading import files_left, is_nothing_left
from tests.harness.waiting import wait_until
from tests.harness.wire import connected


async def test_upload_in_pieces_becomes_the_video_that_was_sent(
    service: Service, film: bytes
) -> None:
    location = await created(service, len(film), **{"Upload-Metadata": metadata(title="Lecture")})
    assert location.startswith("/api/v1/uploads/")
    for start in range(0, len(film), 1000):
        answer = await patch(service, location, start, film[start : start + 1000])
        assert answer.said == "204"
        assert int(answer.headers["Upload-Offset"]) == min(start + 1000, len(film))
        assert parsedate_to_datetime(answer.headers["Upload-Expires"])
        assert answer.headers["Tus-Resumable"] == "1.0.0"

    video_id = answer.headers["X-Video-ID"]
    video = (await service.ask("tess", "GET", f"videos/{video_id}")).json
    assert (video["title"], video["original_filename"]) == ("Lecture", "lecture.mp4")
    assert (video["status"], video["uploaded_by"]) == ("processing", "tess")
    assert await stored_bytes(service, video_id) == film
    assert files_left(service) == [f"courses/c1/{video_id}", f"courses/c1/{video_id}/original.mp4"]


async def test_terminated_upload_is_gone(service: Service) -> None:
    location = await created(service, 1000)
    await patch(service, location, 0, b"x" * 10)

    answer = await service.ask("tess", "DELETE", location, headers=VERSION)
    assert answer.said == "204"
    assert await is_nothing_left(service)

    assert (await head(service, location)).status == 404
    assert (await patch(service, location, 10, b"x")).said == "404 not-found"
    answer = await service.ask("tess", "DELETE", location, headers=VERSION)
    assert answer.said == "404 not-found"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"#EXTM3U\nsomewhere/else.ts\n", "415 unsupported-format"),
        (b"\x00\x00\x00\x18ftypisom" + bytes(12), "422 undecodable"),
    ],
)
async def test_upload_that_is_refused_at_its_end_is_gone(
    service: Service, content: bytes, said: str
) -> None:
    location = await created(service, len(content))

    assert (await patch(service, location, 0, content)).said == said
    assert await is_nothing_left(service)
    assert (await head(service, location)).status == 404


@pytest.mark.parametrize(
    ("length", "headers", "said"),
    [
        (1000, {"Upload-Checksum": "sha1 " + "A" * 27 + "="}, "460 checksum-mismatch"),
        (9, {}, "413 too-large"),
        (10, {}, "415 unsupported-format"),
    ],
    ids=["wrong checksum", "more than was said", "no video"],
)
async def test_creation_whose_bytes_are_refused_leaves_nothing(
    service: Service, length: int, headers: dict[str, str], said: str
) -> None:
    """Nobody was told its address, so that nobody could go on."""
    told = {"Upload-Length": str(length), "Upload-Metadata": metadata()}

    answer = await service.ask(
        "tess", "POST", "uploads", headers={**told, **VERSION, **OCTETS, **headers}, data=b"x" * 10
    )

    assert answer.said == said
    assert "Location" not in answer.headers
    assert await is_nothing_left(service)


async def test_line_that_breaks_in_a_creation_leaves_nothing(service: Service) -> None:
    async with connected(service.url) as wire:
        await wire.send(
            "POST /api/v1/uploads HTTP/1.1",
            "Host: a",
            f"Authorization: Bearer {TESS}",
            *(f"{name}: {value}" for name, value in {**VERSION, **OCTETS}.items()),
            f"Upload-Metadata: {metadata()}",
            "Upload-Length: 1000",
            "Content-Length: 1000",
        )
        await send(wire, b"x" * 10)
        await wait_until(lambda: files_left(service), within_s=10)

    assert await is_nothing_left(service)


async def test_module_that_goes_takes_the_upload_along(service: Service, film: bytes) -> None:
    location = await created(service, len(film))
    await patch(service, location, 0, film[:10])
    await service.ask("tess", "DELETE", "courses/c1/modules/m1")

    assert (await patch(service, location, 10, film[10:])).said == "404 not-found"


async def test_who_no_longer_teaches_cannot_go_on(service: Service, film: bytes) -> None:
    location = await created(service, len(film))
    await patch(service, location, 0, film[:10])
    await service.put("courses/c1/enrollments/tess", {"role": "student"})
    assert await service.is_soon("403 not-allowed", "tess", "DELETE", "courses/c1/modules/m1")

    assert (await patch(service, location, 10, film[10:])).said == "403 not-allowed"

    await service.ask("root", "DELETE", "courses/c1/enrollments/tess")
    assert await service.is_soon("403 not-enrolled", "tess", "GET", "courses/c1")
    assert (await patch(service, location, 10, film[10:])).said == "403 not-enrolled"


async def test_what_can_never_fit_is_refused_at_its_creation(start_service: Any) -> None:
    service = await furnished(start_service, STORAGE_QUOTA=str(2 * MIB))
    assert (await create(service, 2 * MIB + 1)).said == "507 over-quota"
    location = await created(service, 2 * MIB)
    await patch(service, location, 0, b"x" * MIB)

    assert (await create(service, MIB + 1)).said == "507 over-quota"
    assert (await create(service, MIB)).said == "201"
    await service.ask("tess", "DELETE", location, headers=VERSION)
    assert (await create(service, 2 * MIB)).said == "201"


async def test_room_of_a_video_is_counted_once(start_service: Any, film: bytes) -> None:
    service = await furnished(start_service, STORAGE_QUOTA=str(2 * len(film)))
    for _ in range(2):
        location = await created(service, len(film))
        assert (await patch(service, location, 0, film)).said == "204"

    assert (await create(service, 1)).said == "507 over-quota"


async def test_disk_that_is_nearly_full_takes_no_upload(start_service: Any) -> None:
    service = await furnished(start_service, STORAGE_RESERVE="1000000GiB")

    assert (await create(service, 1000)).said == "507 over-quota"
    assert await is_nothing_left(service)


async def furnished(start_service: Any, **settings: str) -> Service:
    service: Service = await start_service(**settings)
    await service.put("courses/c1", {"title": "One"})
    await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
    await service.put("courses/c1/modules/m1", {"title": "One", "position": 1})
    return service


async def test_stop_in_the_middle_keeps_what_arrived(start_service: Any, film: bytes) -> None:
    service = await furnished(start_service)
    location = await created(service, len(film))
    async with patching(service.url, TESS, location, 0, len(film)) as wire:
        await send(wire, film[:1000])
        await until_stored_or_open(service)
        await service.server.close()

    again = await start_service()
    assert await offset_of(again, location) == 1000
    answer = await patch(again, location, 1000, film[1000:])
    assert await stored_bytes(again, answer.headers["X-Video-ID"]) == film


async def until_stored_or_open(service: Service) -> None:
    """The request has begun: its file is there."""
    unfinished = service.app[keys.STORAGE].unfinished
    await wait_until(lambda: list(unfinished.iterdir()), within_s=10)


async def test_tail_that_was_never_acknowledged_is_dropped(service: Service, film: bytes) -> None:
    """A crash leaves more in the file than its row tells of."""
    location = await created(service, len(film))
    await patch(service, location, 0, film[:10])
    path = partial_of(service, location)
    with path.open("ab") as file:
        file.write(b"of unknown origin" * 100)

    assert await offset_of(service, location) == 10
    answer = await patch(service, location, 10, film[10:])
    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


async def test_upload_whose_file_is_lost_is_gone(service: Service, film: bytes) -> None:
    location = await created(service, len(film))
    await patch(service, location, 0, film[:10])
    partial_of(service, location).unlink()

    assert (await patch(service, location, 10, film[10:])).said == "404 not-found"
    assert (await head(service, location)).status == 404
    assert await is_nothing_left(service)
