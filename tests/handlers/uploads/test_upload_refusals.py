"""Every refusal of an upload in the contract, and that it leaves nothing behind."""

import asyncio
import struct
from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import av
import pytest

from handlers import keys
from handlers.uploads import form as upload_form
from tests.handlers.uploads.uploading import (
    AFTER,
    BEFORE,
    IDENTITY_FILES,
    is_nothing_left,
    sending,
    until_it_arrives,
)
from tests.harness.waiting import wait_until

MIB = 2**20
PROBLEM = "urn:coursestream:"


@pytest.fixture
async def furnish(start_service: Any) -> Callable[..., Any]:
    """A service with settings, a course, a module and its teacher."""

    async def start(**settings: str) -> Any:
        service = await start_service(**settings)
        await service.put("courses/c1", {"title": "One"})
        await service.put("courses/c1/enrollments/tess", {"role": "instructor"})
        await service.put("courses/c1/modules/m1", {"title": "One", "position": 1})
        return service

    return start


async def post(service: Any, content: bytes, filename: str = "a.mp4") -> str:
    """The answer to a file sent by an ordinary client."""
    form = aiohttp.FormData()
    form.add_field("file", BytesIO(content), filename=filename)
    answer = await service.ask("tess", "POST", "modules/m1/videos", data=form)
    said: str = answer.said
    return said


def sound_only(path: Path) -> bytes:
    with av.open(str(path), "w", format="mp4") as out:
        stream = out.add_stream("aac", rate=48_000)
        stream.layout = "mono"
        frame = av.AudioFrame("fltp", "mono", 1024)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path.read_bytes()


def with_noise(content: bytes) -> bytes:
    """The same boxes, but what they hold of pictures and sound is nothing that was encoded."""
    position, noisy = 0, bytearray(content)
    while position < len(content):
        size, kind = struct.unpack_from(">I4s", content, position)
        if kind == b"mdat":
            noisy[position + 8 : position + size] = bytes([0xA5]) * (size - 8)
        position += size
    return bytes(noisy)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        pytest.param({"ALLOWED_FORMATS": "webm"}, "415 unsupported-format", id="other container"),
        pytest.param({"MAX_PIXELS": "1000"}, "422 too-complex", id="too many pixels"),
        pytest.param({"MAX_DURATION": "1s"}, "422 too-complex", id="too long"),
        pytest.param({"MAX_STREAMS": "1"}, "422 too-complex", id="too many streams"),
        pytest.param({"MAX_UPLOAD_SIZE": "4096"}, "413 too-large", id="too large"),
        pytest.param({"STORAGE_QUOTA": "4096"}, "507 over-quota", id="over the quota"),
        pytest.param({"STORAGE_RESERVE": "1000000GiB"}, "507 over-quota", id="disk reserve"),
    ],
)
async def test_setting_refuses(
    furnish: Any, mp4: Path, settings: dict[str, str], said: str
) -> None:
    service = await furnish(**settings)

    assert await post(service, mp4.read_bytes(), "lecture.webm") == said
    assert await is_nothing_left(service)


async def test_content_refuses(service: Any, mp4: Path, webm: Path, tmp_path: Path) -> None:
    film = mp4.read_bytes()
    faults = {
        "sound alone": (await asyncio.to_thread(sound_only, tmp_path / "sound"), "422 no-video"),
        "noise": (with_noise(film), "422 undecodable"),
        "cut mp4": (film[:-1], "422 undecodable"),
        "cut webm": (webm.read_bytes()[: webm.stat().st_size // 2], "422 undecodable"),
        "text": (b"not a film", "415 unsupported-format"),
        "zeros": (bytes(100_000), "415 unsupported-format"),
        "playlist": (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "415 unsupported-format"),
        "script": (b"ffconcat version 1.0\nfile '/etc/passwd'\n", "415 unsupported-format"),
        "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "415 unsupported-format"),
        "nothing": (b"", "400 empty"),
    }

    said = {name: await post(service, content) for name, (content, _) in faults.items()}

    assert said == {name: expected for name, (_, expected) in faults.items()}
    assert await is_nothing_left(service)


async def sent(service: Any, film: bytes, *, is_announced: bool) -> int:
    """The status of the answer to a file sent whole."""
    async with sending(service, len(film) if is_announced else None) as upload:
        await upload.send(film)
        status: int = (await upload.end()).status
        return status


@pytest.mark.parametrize(("over_bytes", "status"), [(0, 201), (1, 413)])
async def test_size_limit_is_exact(furnish: Any, mp4: Path, over_bytes: int, status: int) -> None:
    film = mp4.read_bytes()
    service = await furnish(MAX_UPLOAD_SIZE=str(len(film) - over_bytes))

    assert await sent(service, film, is_announced=True) == status
    assert await sent(service, film, is_announced=False) == status
    assert status == 201 or await is_nothing_left(service)


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"MAX_UPLOAD_SIZE": "1MiB"}, 413), ({"STORAGE_QUOTA": "1MiB"}, 507)],
    ids=["size", "quota"],
)
async def test_what_is_announced_too_large_is_refused_before_it_comes(
    furnish: Any, settings: dict[str, str], status: int
) -> None:
    service = await furnish(**settings)

    async with sending(service, 2 * MIB) as upload:
        answer = await upload.answer()

    assert (answer.status, answer.headers["Connection"]) == (status, "close")
    assert await is_nothing_left(service)


@pytest.mark.parametrize(
    ("settings", "status"),
    [({"MAX_UPLOAD_SIZE": "1MiB"}, 413), ({"STORAGE_QUOTA": "1MiB"}, 507)],
    ids=["size", "quota"],
)
async def test_what_was_not_announced_is_refused_as_soon_as_it_is_too_large(
    furnish: Any, mp4: Path, settings: dict[str, str], status: int
) -> None:
    service = await furnish(**settings)

    async with sending(service, None) as upload:
        await upload.send(bytes(MIB))
        await until_it_arrives(service)
        await upload.send(b"x" * 2**18)
        answer = await upload.answer()

    assert answer.status == status
    assert await is_nothing_left(service)


@pytest.mark.parametrize(("over_bytes", "status"), [(0, 201), (1, 507)])
async def test_quota_is_exact(furnish: Any, mp4: Path, over_bytes: int, status: int) -> None:
    film = mp4.read_bytes()
    service = await furnish(STORAGE_QUOTA=str(3 * len(film) - over_bytes))

    assert await sent(service, film, is_announced=True) == 201
    assert await sent(service, film, is_announced=False) == 201
    assert await sent(service, film, is_announced=False) == status
    assert await sent(service, film, is_announced=True) == 507
    rows = await service.app[keys.DATABASE].fetch_all("SELECT id FROM videos")
    assert len(rows) == 3 - over_bytes


async def test_parallel_uploads_of_several_processes_do_not_pass_the_quota(
    furnish: Any, start_service: Any, mp4: Path
) -> None:
    film, fits = mp4.read_bytes(), 3
    quota = {"STORAGE_QUOTA": str(fits * len(film) + len(film) // 2)}
    services = [await furnish(**quota), await start_service(**quota)]

    said = await asyncio.gather(*(post(one, film) for one in services * 6))

    # Uploads that were refused in the end had room promised to them, which others lacked.
    taken = said.count("201")
    assert 1 <= taken <= fits
    assert set(said) == {"201", "507 over-quota"}
    for _ in range(fits - taken):
        assert await post(services[0], film) == "201"
    assert await post(services[1], film) == "507 over-quota"
    row = await services[0].app[keys.DATABASE].fetch_one("SELECT used_bytes FROM storage_used")
    assert row.used_bytes == fits * len(film)


async def test_parallel_uploads_in_steps_do_not_pass_the_quota(
    furnish: Any, start_service: Any, mp4: Path
) -> None:
    """Much larger than the form around them: some that together do not fit end in the middle."""
    film = mp4.read_bytes() + MIB.to_bytes(4, "big") + b"free" + bytes(MIB - 8)
    fits, tried = 5, 16
    quota = {"STORAGE_QUOTA": str(fits * len(film) + len(film) // 2)}
    services = [await furnish(**quota), await start_service(**quota)]

    said = await asyncio.gather(*(post(one, film) for one in services * (tried // 2)))

    taken = said.count("201")
    assert taken <= fits
    assert set(said) <= {"201", "507 over-quota"}
    for _ in range(fits - taken):
        assert await post(services[0], film) == "201"
    assert await post(services[1], film) == "507 over-quota"
    row = await services[0].app[keys.DATABASE].fetch_one("SELECT used_bytes FROM storage_used")
    assert row.used_bytes == fits * len(film)


async def test_quota_counts_the_files_that_are_there(furnish: Any, mp4: Path) -> None:
    film = mp4.read_bytes()
    service = await furnish(STORAGE_QUOTA=str(2 * len(film) + MIB))
    await service.ready_video(mp4)

    storage, database = service.app[keys.STORAGE], service.app[keys.DATABASE]
    on_disk = sum(path.stat().st_size for path in storage.courses.rglob("*.*"))
    row = await database.fetch_one("SELECT used_bytes FROM storage_used")
    assert row.used_bytes == on_disk


# Bytes of the form that arrive before the file, and bytes of the file.
CUTS = {
    "in a part's header": (40, 0),
    "in the title": (60, 0),
    "before the file": (None, 0),
    "after a byte": (None, 1),
    "after some bytes": (None, 70_000),
    "before the last byte": (None, -1),
    "after the file": (None, None),
}


@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "chunked"])
async def test_client_that_vanishes_leaves_nothing(
    service: Any, mp4: Path, caplog: pytest.LogCaptureFixture, is_announced: bool
) -> None:
    film = mp4.read_bytes()
    for name, (form_bytes, file_bytes) in CUTS.items():
        announced = len(film) if is_announced else None
        async with sending(service, announced, BEFORE[:form_bytes]) as upload:
            if arriving := film[:file_bytes]:
                await upload.send(arriving)
            await until_it_arrives(service)

            upload.vanish()

            assert await is_nothing_left(service), name
    assert [one.name for one in caplog.records if one.name.startswith(("aiohttp", "asyncio"))] == []


async def test_client_that_vanishes_within_the_end_leaves_all_or_nothing(
    service: Any, mp4: Path
) -> None:
    film, storage = mp4.read_bytes(), service.app[keys.STORAGE]
    for tail_bytes in (1, 5, len(AFTER) - 3, len(AFTER) - 1, len(AFTER)):
        async with sending(service, len(film)) as upload:
            await upload.send(film + AFTER[:tail_bytes])
            await until_it_arrives(service)
            upload.vanish()

            await wait_until(lambda: not list(storage.unfinished.iterdir()))
            # A file that has its name has its row a moment later.
            await wait_until(lambda: is_in_order(service))

    assert all(path.read_bytes() == film for path in storage.courses.rglob("original.mp4"))


async def is_in_order(service: Any) -> bool:
    """True if each stored file has a row, and each row its file."""
    rows = await service.app[keys.DATABASE].fetch_all("SELECT id FROM videos")
    stored = service.app[keys.STORAGE].courses.rglob("original.mp4")
    return {path.parent.name for path in stored} == {str(row.id) for row in rows}


async def test_sender_that_stalls_is_given_up(
    service: Any, mp4: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_form, "CHUNK_TIMEOUT_S", 0.3)

    async with sending(service, mp4.stat().st_size) as upload:
        await upload.send(mp4.read_bytes()[:5000])
        answer = await upload.answer()

        assert answer.status == 400
        assert await is_nothing_left(service)


HOSTILE_NAMES = [
    "../../../../tmp/x.mp4",
    "..\\..\\windows\\system32",
    "a/b/c.mp4",
    ".coursestream",
    "original.mp4",
    "-rf",
    "$(touch x)",
    "`id`",
    "'; DROP TABLE videos; --",
    "{0.__class__}",
    "\u202egpj.4pm",
    "<script>alert(1)</script>",
    "😀" * 100,
    "..",
]


async def test_hostile_file_names_are_only_names(service: Any, mp4: Path) -> None:
    storage, film = service.app[keys.STORAGE], mp4.read_bytes()
    outside = set(storage.root.parent.iterdir())

    for name in HOSTILE_NAMES:
        assert await post(service, film, name) == "201", name

    rows = await service.app[keys.DATABASE].fetch_all("SELECT id FROM videos")
    expected = {f"c1/{row.id}/original.mp4" for row in rows}
    found = {str(p.relative_to(storage.courses)) for p in storage.courses.rglob("*") if p.is_file()}
    assert found == expected
    assert len(rows) == len(HOSTILE_NAMES)
    assert set(storage.root.parent.iterdir()) == outside
    assert {path.name for path in storage.root.iterdir()} == {*IDENTITY_FILES, "courses", "tmp"}
