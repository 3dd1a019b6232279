"""Uploads: what is taken, and that what is refused leaves nothing behind."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from handlers import keys
from tests.handlers.uploads.uploading import IDENTITY_FILES
from tests.harness.waiting import wait_until


def form(*fields: tuple[str, bytes, str | None]) -> aiohttp.FormData:
    data = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value, filename in fields:
        if filename is None:
            data.add_field(name, value.decode())
        else:
            data.add_field(name, value, filename=filename)
    return data


async def post(session: aiohttp.ClientSession, data: Any) -> tuple[int, Any]:
    async with session.post("/api/v1/modules/m1/videos", data=data) as response:
        return response.status, await response.json()


async def nothing_is_left(service: Any) -> bool:
    root = service.app[keys.STORAGE].root
    rows = await service.app[keys.DATABASE].fetch_all("SELECT id FROM videos")
    files = [path for path in root.rglob("*") if path.is_file() and path.name not in IDENTITY_FILES]
    return not rows and not files


async def test_video_is_taken(service: Any, mp4: Path) -> None:
    status, video = await post(
        service.teacher, form(("title", b"Lecture", None), ("file", mp4.read_bytes(), "a.mp4"))
    )

    assert status == 201
    assert (video["title"], video["status"], video["container"]) == ("Lecture", "processing", "mp4")
    assert video["original_size"] == mp4.stat().st_size
    assert video["uploaded_by"] == "tess"


@pytest.mark.parametrize(
    ("filename", "kept"),
    [
        pytest.param("plain.mp4", "plain.mp4", id="plain"),
        pytest.param('a;b;c"d".mp4', 'a;b;c"d".mp4', id="quotes and semicolons"),
        pytest.param("Vorlesung Übung 第一.mp4", "Vorlesung Übung 第一.mp4", id="unicode"),
        pytest.param("../../etc/passwd", "../../etc/passwd", id="only a name, never a path"),
        pytest.param("Aufnahme 15.00\u202fUhr.mp4", "Aufnahme 15.00\u202fUhr.mp4", id="macOS"),
        pytest.param("\u0645\u06cc\u200c\u062e.mp4", "\u0645\u06cc\u200c\u062e.mp4", id="joiners"),
        pytest.param("é" * 200, "é" * 127, id="shortened to 255 bytes"),
        pytest.param("lecture.exe", "lecture.exe", id="never a reason to refuse"),
    ],
)
async def test_file_name_is_kept(service: Any, mp4: Path, filename: str, kept: str) -> None:
    status, video = await post(service.teacher, form(("file", mp4.read_bytes(), filename)))

    assert status == 201
    assert video["original_filename"] == kept
    assert video["title"] == kept


def raw_form(*headers: bytes, content: bytes = b"", end: bytes = b"--a--\r\n") -> Any:
    """A form as no client library would write it, with the arguments to send it by."""
    parts = [
        b"--a\r\nContent-Disposition: form-data; " + header + b"\r\n\r\n" + content + b"\r\n"
        for header in headers
    ]
    content_type = {"Content-Type": "multipart/form-data; boundary=a"}
    return {"data": b"".join(parts) + end, "headers": content_type}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("header", "kept"),
    [
        pytest.param(b'filename="a\\"b.mp4"', 'a"b.mp4', id="quote escaped"),
        pytest.param(b'filename="a%22b.mp4"', 'a"b.mp4', id="quote as browsers send it"),
        pytest.param(b'filename="C:\\films\\a.mp4"', "C:\\films\\a.mp4", id="backslashes"),
        pytest.param(b'filename="\xff\xfe.mp4"', "\ufffd\ufffd.mp4", id="not UTF-8"),
        pytest.param(b'filename="a\tb.mp4"', "ab.mp4", id="control character"),
        pytest.param(b"filename=a.mp4", "a.mp4", id="no quotes"),
        pytest.param(b'filename=""', "video", id="empty"),
        pytest.param(b"filename*=utf-8''%C3%A9.mp4", "é.mp4", id="RFC 5987"),
        pytest.param(b'filename*0="a"; filename*1=".mp4"', "a.mp4", id="RFC 2231"),
        pytest.param(b"filename*=nope''a.mp4", "a.mp4", id="unknown charset"),
        pytest.param(b"filename*=idna''%ff%fe.mp4", "\ufffd\ufffd.mp4", id="charset of names"),
        pytest.param(b"filename*=unicode_escape''%5cud8.mp4", "\\ud8.mp4", id="charset of code"),
    ],
)
async def test_file_name_however_written_is_no_reason_to_refuse(
    shared_service: Any, mp4: Path, header: bytes, kept: str
) -> None:
    form = raw_form(b'name="file"; ' + header, content=mp4.read_bytes())

    answer = await shared_service.ask("tess", "POST", "modules/m1/videos", **form)

    assert answer.said == "201"
    assert answer.json["original_filename"] == kept


NAMED = b'name="file"; filename="a"'


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(raw_form(end=b""), id="nothing"),
        pytest.param(raw_form(end=b"hello"), id="no form"),
        pytest.param(raw_form(NAMED, content=b"hello", end=b""), id="no end"),
        pytest.param(raw_form(NAMED, content=b"hello", end=b"--a"), id="half an end"),
        pytest.param(raw_form(NAMED, content=b"hello", end=b"--a\r\n"), id="another begins"),
        pytest.param(raw_form(b"name*=idna''%ff%fe"), id="no name"),
        pytest.param(raw_form(b'name="_charset_"', content=b"x" * 99), id="charset too long"),
        pytest.param(raw_form(b'name="title"', b'name="title"', NAMED), id="two titles"),
        pytest.param(
            {"data": b"--a--", "headers": {"Content-Type": "multipart/form-data"}},
            id="no boundary",
        ),
        pytest.param(
            {"data": b"--a--", "headers": {"Content-Type": "multipart/form-data; boundary=é"}},
            id="no such boundary",
        ),
        pytest.param(
            raw_form(
                NAMED + b"\r\nContent-Type: multipart/mixed; boundary=b",
                content=b"--b\r\n\r\nhello\r\n--b--",
            ),
            id="nested",
        ),
    ],
)
async def test_malformed_form_is_refused(service: Any, form: Any) -> None:
    answer = await service.ask("tess", "POST", "modules/m1/videos", **form)

    assert answer.said == "400 invalid-request"
    assert await nothing_is_left(service)


@pytest.mark.parametrize("title", ["a", "a" * 200, "\U0001f393" * 200, 'a"b;c'])
async def test_title_is_taken(service: Any, mp4: Path, title: str) -> None:
    data = form(("title", title.encode(), None), ("file", mp4.read_bytes(), "a.mp4"))

    status, video = await post(service.teacher, data)

    assert (status, video["title"]) == (201, title)


async def test_simultaneous_uploads_never_mix(service: Any, mp4: Path, webm: Path) -> None:
    files = [mp4, webm] * 3

    answers = await asyncio.gather(*(service.upload(file) for file in files))

    root = service.app[keys.STORAGE].root
    for file, video in zip(files, answers, strict=True):
        (stored,) = root.rglob(f"{video['id']}/original.*")
        assert stored.suffix == file.suffix
        assert stored.read_bytes() == file.read_bytes()


async def test_upload_that_is_cut_leaves_nothing(
    service: Any, mp4: Path, caplog: pytest.LogCaptureFixture
) -> None:
    token = service.teacher.headers["Authorization"]
    head = (
        f"POST /api/v1/modules/m1/videos HTTP/1.1\r\nHost: a\r\nAuthorization: {token}\r\n"
        "Content-Type: multipart/form-data; boundary=a\r\nContent-Length: 9999999\r\n\r\n"
        '--a\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    )
    unfinished = service.app[keys.STORAGE].unfinished
    _, writer = await asyncio.open_connection("127.0.0.1", service.server.port)
    writer.write(head.encode() + mp4.read_bytes())
    await wait_until(lambda: list(unfinished.iterdir()))

    writer.transport.abort()

    await wait_until(lambda: not list(unfinished.iterdir()))
    assert await nothing_is_left(service)
    assert [record for record in caplog.records if record.name.startswith("aiohttp")] == []


FILE = ("file", b"x" * 100, "a.mp4")


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        pytest.param(form(("file", b"", "a.mp4")), 400, "empty", id="empty"),
        pytest.param(form(FILE), 415, "unsupported-format", id="not a video"),
        pytest.param(
            form(("file", b"#EXTM3U\nsecret.ts\n", "a.mp4")),
            415,
            "unsupported-format",
            id="playlist",
        ),
        pytest.param(
            form(("file", b"ffconcat version 1.0\nfile secret\n", "a.mp4")),
            415,
            "unsupported-format",
            id="concat script",
        ),
        pytest.param(form(FILE, ("title", b"t", None)), 400, "invalid-request", id="title last"),
        pytest.param(form(FILE, FILE), 400, "invalid-request", id="two files"),
        pytest.param(form(("title", b"t", None)), 400, "invalid-request", id="no file"),
        pytest.param(
            form(("title", b"", None), FILE), 400, "invalid-request", id="title without characters"
        ),
        pytest.param(
            form(("title", b"a\nb", None), FILE), 400, "invalid-request", id="line feed in title"
        ),
        pytest.param(
            form(("title", b"t" * 201, None), FILE), 400, "invalid-request", id="long title"
        ),
        pytest.param(
            form(("titel", b"t", None), FILE), 400, "invalid-request", id="misspelt field"
        ),
        pytest.param({"title": "t"}, 415, "unsupported-format", id="not multipart"),
    ],
)
async def test_refused_upload_leaves_nothing(
    service: Any, data: Any, status: int, code: str
) -> None:
    found, problem = await post(service.teacher, data)

    assert (found, problem["type"]) == (status, f"urn:coursestream:{code}")
    assert await nothing_is_left(service)


async def test_truncated_video_is_undecodable(service: Any, mp4: Path) -> None:
    cut = mp4.read_bytes()[: mp4.stat().st_size * 2 // 3]

    status, problem = await post(service.teacher, form(("file", cut, "a.mp4")))

    assert (status, problem["type"]) == (422, "urn:coursestream:undecodable")
    assert await nothing_is_left(service)


async def test_size_limit_is_decided_while_bytes_arrive(start_service: Any, mp4: Path) -> None:
    service = await start_service(MAX_UPLOAD_SIZE="4096")
    for path, body in (
        ("courses/c1", {"title": "One"}),
        ("courses/c1/enrollments/tess", {"role": "instructor"}),
        ("courses/c1/modules/m1", {"title": "One", "position": 1}),
    ):
        await service.put(path, body)

    status, problem = await post(service.teacher, form(("file", mp4.read_bytes(), "a.mp4")))

    assert (status, problem["type"]) == (413, "urn:coursestream:too-large")
    assert await nothing_is_left(service)


@pytest.mark.parametrize(
    ("who", "code"), [("student", "not-allowed"), ("stranger", "not-enrolled")]
)
async def test_only_instructors_upload(service: Any, mp4: Path, who: str, code: str) -> None:
    status, problem = await post(getattr(service, who), form(("file", mp4.read_bytes(), "a.mp4")))

    assert (status, problem["type"]) == (403, f"urn:coursestream:{code}")
    assert await nothing_is_left(service)
