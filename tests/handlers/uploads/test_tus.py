"""tus 1.0.0 as its specification and the contract say it, request by request."""

import asyncio
import base64
import hashlib
from uuid import UUID, uuid4

import pytest

from db.uploads import uploads
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
    upload_id_of,
)
from tests.handlers.uploads.uploading import left_behind
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def service(shared_service: Service) -> Service:
    return shared_service


def checksum(algorithm: str, content: bytes) -> dict[str, str]:
    digest = hashlib.new(algorithm, content).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


@pytest.mark.parametrize("path", ["uploads", f"uploads/{UUID(int=1)}", "uploads/nothing"])
async def test_what_is_understood_is_listed_for_everyone(service: Service, path: str) -> None:
    answer = await service.ask(None, "OPTIONS", path)

    told = {name: answer.headers[name] for name in answer.headers if name.startswith("Tus-")}
    assert answer.status == 204
    assert told == {
        "Tus-Resumable": "1.0.0",
        "Tus-Version": "1.0.0",
        "Tus-Extension": "creation,creation-with-upload,expiration,checksum,termination",
        "Tus-Max-Size": str(10 * 2**30),
        "Tus-Checksum-Algorithm": "sha1,sha256",
    }


async def test_upload_with_its_creation_is_complete_at_once(service: Service, film: bytes) -> None:
    asked = {"Upload-Length": str(len(film)), "Upload-Metadata": metadata(), **VERSION, **OCTETS}
    answer = await service.ask("tess", "POST", "uploads", headers=asked, data=film)

    assert answer.said == "201"
    assert answer.headers["Upload-Offset"] == str(len(film))
    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


async def test_first_bytes_may_come_with_the_creation(service: Service, film: bytes) -> None:
    asked = {"Upload-Length": str(len(film)), "Upload-Metadata": metadata(), **VERSION, **OCTETS}
    answer = await service.ask("tess", "POST", "uploads", headers=asked, data=film[:7])
    assert (answer.said, answer.headers["Upload-Offset"]) == ("201", "7")

    answer = await patch(service, answer.headers["Location"], 7, film[7:])
    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


async def test_head_tells_all_that_is_known(service: Service) -> None:
    told = metadata(title="A title", unknown="kept")
    location = await created(service, 1000, **{"Upload-Metadata": told})
    await patch(service, location, 0, b"x" * 10)

    answer = await head(service, location)

    assert answer.status == 200
    assert answer.headers["Upload-Offset"] == "10"
    assert answer.headers["Upload-Length"] == "1000"
    assert answer.headers["Upload-Metadata"] == told
    assert answer.headers["Cache-Control"] == "no-store"
    assert "X-Video-ID" not in answer.headers


async def test_metadata_in_many_lines_are_bounded_together(service: Service) -> None:
    """Each line is short; told again they would be one that no client takes."""
    lines = [("Upload-Metadata", f"k{number} {'A' * 4000}") for number in range(20)]
    headers = [*VERSION.items(), ("Upload-Length", "5"), ("Upload-Metadata", metadata()), *lines]

    answer = await service.ask("tess", "POST", "uploads", headers=headers)

    assert answer.said == "400 invalid-request"


async def test_head_leaves_out_metadata_that_were_taken_once_and_are_too_long(
    service: Service,
) -> None:
    location = await created(service, 1000)
    async with service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(
            "UPDATE uploads SET metadata = %s WHERE id = %s",
            ("k " + "A" * 93_000, location.rpartition("/")[2]),
        )

    answer = await head(service, location)

    assert (answer.status, answer.headers["Upload-Length"]) == (200, "1000")
    assert "Upload-Metadata" not in answer.headers


async def test_client_that_lost_the_last_answer_asks_for_it(service: Service, film: bytes) -> None:
    location = await created(service, len(film))
    video_id = (await patch(service, location, 0, film)).headers["X-Video-ID"]

    for answer in (await head(service, location), await patch(service, location, len(film), b"")):
        assert answer.status in (200, 204)
        assert answer.headers["X-Video-ID"] == video_id
        assert answer.headers["Upload-Offset"] == str(len(film))
    assert (await patch(service, location, 0, film)).said == "409 offset-mismatch"


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0.1", ""])
@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH", "DELETE"])
async def test_other_version_is_refused_and_nothing_done(
    service: Service, method: str, version: str | None
) -> None:
    location = await created(service, 1000)
    headers = {"Upload-Length": "5", "Upload-Metadata": metadata(), "Upload-Offset": "0", **OCTETS}
    if version is not None:
        headers["Tus-Resumable"] = version

    path = "uploads" if method == "POST" else location
    answer = await service.ask("tess", method, path, headers=headers, data=b"bytes")

    assert answer.status == 412
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert await offset_of(service, location) == 0


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        pytest.param({"Upload-Length": "0"}, "400 empty", id="nothing"),
        pytest.param({"Upload-Length": "-1"}, "400 invalid-request", id="negative"),
        pytest.param({"Upload-Length": "1e3"}, "400 invalid-request", id="not-a-number"),
        pytest.param({"Upload-Length": "9" * 30}, "400 invalid-request", id="no-such-number"),
        pytest.param({"Upload-Length": str(2**40)}, "413 too-large", id="too-large"),
        pytest.param({"Upload-Defer-Length": "1"}, "400 invalid-request", id="deferred"),
        pytest.param({"Upload-Metadata": ""}, "400 invalid-request", id="no-module"),
        pytest.param({"Upload-Metadata": "module_id !"}, "400 invalid-request", id="no-base64"),
        pytest.param(
            {"Upload-Metadata": f"{metadata()},filename"}, "400 invalid-request", id="doubled"
        ),
        pytest.param(
            {"Upload-Metadata": metadata(module_id="../x")}, "400 invalid-request", id="no-id"
        ),
        pytest.param(
            {"Upload-Metadata": metadata(title="a\nb")}, "400 invalid-request", id="control"
        ),
        pytest.param({"Upload-Metadata": metadata(title="")}, "400 invalid-request", id="untitled"),
        pytest.param({"Upload-Concat": "partial"}, "400 invalid-request", id="concat"),
        pytest.param({"Upload-Checksum": "md5 AAAA"}, "400 invalid-request", id="md5"),
        pytest.param(
            {"Upload-Metadata": metadata(module_id="m9")}, "403 not-enrolled", id="no-module-there"
        ),
    ],
)
async def test_creation_is_refused(service: Service, headers: dict[str, str], said: str) -> None:
    before = await left_behind(service)

    answer = await create(service, 1000, **headers)

    assert answer.said == said
    if said.startswith("413"):
        assert answer.headers["Tus-Max-Size"] == str(10 * 2**30)
    assert await left_behind(service) == before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("Upload-Length", "7"), "400 invalid-request"),
        (("Upload-Length", "1000"), "400 invalid-request"),
        (("Tus-Resumable", "0.2.2"), "412 precondition-failed"),
        (("Upload-Metadata", metadata()), "400 invalid-request"),
        (("X-HTTP-Method-Override", "POST"), "405 method-not-allowed"),
    ],
)
async def test_field_that_comes_twice_creates_nothing(
    service: Service, line: tuple[str, str], said: str
) -> None:
    before = await left_behind(service)
    asked = [*VERSION.items(), ("Upload-Length", "1000"), ("Upload-Metadata", metadata())]
    asked += [("X-HTTP-Method-Override", "POST"), line]

    assert (await service.ask("tess", "POST", "uploads", headers=asked)).said == said
    assert await left_behind(service) == before


@pytest.mark.parametrize(
    "line",
    [
        ("Upload-Offset", "0"),
        ("Upload-Offset", "3"),
        ("Upload-Checksum", "sha1 AAAA"),
        ("Tus-Resumable", "1.0.0"),
    ],
)
async def test_field_that_comes_twice_stores_nothing(
    service: Service, line: tuple[str, str]
) -> None:
    location = await created(service, 1000)
    asked = [*VERSION.items(), *OCTETS.items(), ("Upload-Offset", "0")]
    asked += [*checksum("sha1", b"abc").items(), line]

    answer = await service.ask("tess", "PATCH", location, headers=asked, data=b"abc")

    assert answer.status in (400, 412)
    assert await offset_of(service, location) == 0


async def test_body_of_another_kind_is_refused(service: Service) -> None:
    location = await created(service, 1000)

    for content_type in ("application/octet-stream", "video/mp4", ""):
        answer = await patch(service, location, 0, b"x", **{"Content-Type": content_type})
        assert answer.said == "415 unsupported-format"
    asked = {"Upload-Length": "5", "Upload-Metadata": metadata(), **VERSION}
    answer = await service.ask("tess", "POST", "uploads", headers=asked, data=b"bytes")
    assert answer.said == "415 unsupported-format"

    assert await offset_of(service, location) == 0


@pytest.mark.parametrize("offset", ["1", "999", "-1", "x", ""])
async def test_wrong_offset_changes_nothing(service: Service, offset: str) -> None:
    location = await created(service, 1000)

    answer = await patch(service, location, 0, b"xyz", **{"Upload-Offset": offset})

    is_number = offset.isdigit()
    assert answer.said == ("409 offset-mismatch" if is_number else "400 invalid-request")
    assert await offset_of(service, location) == 0


async def test_more_than_was_said_is_refused(service: Service) -> None:
    location = await created(service, 10)

    assert (await patch(service, location, 0, b"x" * 11)).said == "413 too-large"
    assert await offset_of(service, location) == 0


async def test_more_than_was_said_is_noticed_while_it_comes(service: Service) -> None:
    location = await created(service, 10)

    async with patching(service.url, TESS, location, 0, None) as wire:
        await send(wire, b"4\r\nabcd\r\n")
        await send(wire, b"40\r\n" + b"x" * 64 + b"\r\n0\r\n\r\n")
        assert (await wire.answer()).status == 413

    assert await offset_of(service, location) < 10


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_bytes_with_the_right_checksum_are_kept(
    service: Service, film: bytes, algorithm: str
) -> None:
    location = await created(service, len(film))

    for start in range(0, len(film), 5000):
        piece = film[start : start + 5000]
        answer = await patch(service, location, start, piece, **checksum(algorithm, piece))
        assert answer.said == "204"

    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
async def test_bytes_with_the_wrong_checksum_are_not_kept(
    service: Service, film: bytes, algorithm: str
) -> None:
    location = await created(service, len(film))
    await patch(service, location, 0, film[:9])

    wrong = await patch(service, location, 9, film[9:], **checksum(algorithm, b"other"))
    assert wrong.said == "460 checksum-mismatch"
    assert await offset_of(service, location) == 9

    answer = await patch(service, location, 9, film[9:], **checksum(algorithm, film[9:]))
    assert await stored_bytes(service, answer.headers["X-Video-ID"]) == film


@pytest.mark.parametrize("value", ["md5 AAAA", "sha1", "sha1 AAAA", "sha256 !", "crc32 AAAAAA=="])
async def test_checksum_that_cannot_be_checked_is_refused(service: Service, value: str) -> None:
    location = await created(service, 1000)

    answer = await patch(service, location, 0, b"x", **{"Upload-Checksum": value})

    assert answer.said == "400 invalid-request"
    assert await offset_of(service, location) == 0


@pytest.mark.parametrize("size", [1, 999, 64 * 1024, MIB - 1, MIB, 3 * MIB + 17])
async def test_line_that_breaks_costs_no_byte_that_arrived(service: Service, size: int) -> None:
    location = await created(service, 100 * MIB)

    async with patching(service.url, TESS, location, 0, 100 * MIB) as wire:
        await send(wire, bytes(size))
        wire.writer.close()
        await wire.writer.wait_closed()
        assert await is_offset_soon(service, location, size)


async def is_offset_soon(service: Service, location: str, offset: int) -> bool:
    """As its row tells: a HEAD would end what is still on its way."""
    upload_id = upload_id_of(location)
    await wait_until(
        lambda: uploads.get(service.app[keys.DATABASE], upload_id),
        lambda upload: upload.offset_bytes >= offset,
    )
    return await offset_of(service, location) == offset


async def test_line_that_breaks_under_a_checksum_leaves_nothing(service: Service) -> None:
    location = await created(service, 100 * MIB)
    await patch(service, location, 0, b"12345")
    asked = "Upload-Checksum: " + checksum("sha1", b"")["Upload-Checksum"]

    async with patching(service.url, TESS, location, 5, 2 * MIB, asked) as wire:
        await send(wire, bytes(MIB + 1))
        wire.writer.close()
        await wire.writer.wait_closed()

    assert await offset_of(service, location) == 5


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
async def test_newer_request_ends_a_dead_one_at_once(service: Service, method: str) -> None:
    """The line is dead, but nobody has told the server."""
    location = await created(service, 100 * MIB)

    async with patching(service.url, TESS, location, 0, 100 * MIB) as wire:
        await send(wire, bytes(MIB + 5))
        await until_stored(service, location, MIB)
        async with asyncio.timeout(2):
            if method == "HEAD":
                assert await offset_of(service, location) == MIB + 5
            elif method == "PATCH":
                answer = await patch(service, location, MIB + 5, b"more")
                assert answer.said == "204"
            else:
                answer = await service.ask("tess", "DELETE", location, headers=VERSION)
                assert answer.said == "204"
        assert (await wire.answer()).status == 423


async def until_stored(service: Service, location: str, size: int) -> None:
    path = partial_of(service, location)
    await wait_until(lambda: path.exists() and path.stat().st_size >= size, within_s=10)


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("ada", "403 not-allowed"),
        ("eve", "403 not-enrolled"),
        ("root", "201"),
        ("svc", "201"),
        ("tess", "201"),
        (None, "401 invalid-token"),
    ],
)
async def test_who_may_create(service: Service, who: str, said: str) -> None:
    assert (await create(service, 1000, who)).said == said


NOBODY_ELSE = [("ada", 403), ("eve", 403), ("tom", 403), ("root", 404), ("svc", 404)]


@pytest.mark.parametrize(
    ("method", "who", "status"),
    [(method, *one) for method in ("HEAD", "PATCH") for one in NOBODY_ELSE]
    + [("DELETE", *one) for one in NOBODY_ELSE[:2]],
)
async def test_nobody_touches_what_another_created(
    service: Service, method: str, who: str, status: int
) -> None:
    """Not even another teacher of the course; and it looks as if there were none."""
    await service.put("courses/c1/enrollments/tom", {"role": "instructor"})
    location = await created(service, 1000)
    headers = {**VERSION, **OCTETS, "Upload-Offset": "0"}

    for path in (location, f"uploads/{uuid4()}", "uploads/nothing"):
        answer = await service.ask(who, method, path, headers=headers)
        assert answer.status == status

    assert await offset_of(service, location) == 0
