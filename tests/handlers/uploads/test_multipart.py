from collections.abc import Awaitable, Callable

import pytest

from handlers.uploads import multipart
from handlers.uploads.multipart import MalformedMultipart, MultipartReader, PartHead, boundary_of

Part = tuple[PartHead, bytes]
FILE = PartHead({"name": "file", "filename": "a.mp4"}, "video/mp4")
TITLE = PartHead({"name": "title"}, "application/octet-stream")
FORM = (
    b'--a\r\nContent-Disposition: form-data; name="title"\r\n\r\nLecture\r\n'
    b'--a\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n'
    b"Content-Type: video/mp4\r\n\r\n\r\n--\r\n--b\r\n\r\n--a--\r\n"
)


def reader_of(content: bytes, piece_bytes: int) -> MultipartReader:
    """A body that arrives in pieces of this size."""
    return MultipartReader(arriving(content, piece_bytes), b"a")


def arriving(content: bytes, piece_bytes: int) -> Callable[[], Awaitable[bytes]]:
    pieces = (content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes))

    async def read() -> bytes:
        return next(pieces, b"")

    return read


async def parts_of(content: bytes, piece_bytes: int = 2**18) -> list[Part]:
    reader, found = reader_of(content, piece_bytes), []
    while (head := await reader.next_part()) is not None:
        chunks = []
        while chunk := await reader.read_chunk():
            chunks.append(chunk)
        found.append((head, b"".join(chunks)))
    assert await reader.next_part() is None
    return found


@pytest.mark.parametrize("piece_bytes", [*range(1, 12), 50, 2**18])
async def test_parts_are_the_same_however_they_arrive(piece_bytes: int) -> None:
    found = await parts_of(FORM, piece_bytes)

    assert found == [(TITLE, b"Lecture"), (FILE, b"\r\n--\r\n--b\r\n")]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"--a--", [], id="no part"),
        pytest.param(b"\r\n--a--\r\nmore", [], id="a line before, an epilogue"),
        pytest.param(b"preamble\r\n--a--", [], id="RFC 2046 preamble"),
        pytest.param(b"--a \t\r\n\r\n\r\n--a--", [b""], id="RFC 2046 padding, no field"),
        pytest.param(b"--a\r\n\r\n\r\n--a\r\n\r\nb\r\n--a--", [b"", b"b"], id="an empty part"),
        pytest.param(b"--a\r\n\r\n--a--\r\n--a--", [b"--a--"], id="no line before it"),
    ],
)
async def test_what_the_rules_allow(content: bytes, found: list[bytes]) -> None:
    for piece_bytes in (1, 3, 2**18):
        assert [body for _, body in await parts_of(content, piece_bytes)] == found


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="no delimiter"),
        pytest.param(b"--a", id="half a delimiter"),
        pytest.param(b"--a-", id="half an end"),
        pytest.param(b"--ab\r\n\r\n\r\n--a--", id="another delimiter"),
        pytest.param(b"--a\r\nX: y", id="no end of the head"),
        pytest.param(b"--a\r\n\r\nhello", id="no end of the part"),
        pytest.param(b"--a\n\nhello\n--a--\n", id="no CR"),
        pytest.param(b"x" * 1100 + b"\r\n--a--", id="a long preamble"),
        pytest.param(b"--a\r\nX: " + b"y" * 2**15 + b"\r\n\r\n\r\n--a--", id="a long head"),
        pytest.param(b"--a\r\nX: " + b"y" * 2**15, id="a head without end"),
    ],
)
async def test_what_is_no_form_is_refused(content: bytes) -> None:
    for piece_bytes in (1, 1000, 2**18):
        with pytest.raises(MalformedMultipart):
            await parts_of(content, piece_bytes)


async def test_what_was_not_read_of_a_part_is_dropped_if_it_is_little() -> None:
    reader = reader_of(FORM, 2**18)
    assert await reader.next_part() == TITLE
    assert await reader.next_part() == FILE

    large = FORM.replace(b"Lecture", b"L" * (multipart.MAX_SKIPPED_BYTES + 1))
    reader = reader_of(large, 2**18)
    await reader.next_part()
    with pytest.raises(MalformedMultipart):
        await reader.next_part()


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        pytest.param(b"content-disposition: x; NAME=file", {"name": "file"}, id="case"),
        pytest.param(b"Content-Disposition: x;\r\n name=file", {"name": "file"}, id="folded"),
        pytest.param(
            b"Content-Disposition: x; name=a\r\nContent-Disposition: x; name=b",
            {"name": "a"},
            id="twice",
        ),
        pytest.param(b"no field", {}, id="no colon"),
        pytest.param(b'Content-Disposition: x; name="\xff"', {"name": "\ufffd"}, id="not UTF-8"),
    ],
)
async def test_head_of_a_part(fields: bytes, head: dict[str, str]) -> None:
    ((found, _),) = await parts_of(b"--a\r\n" + fields + b"\r\n\r\n\r\n--a--")

    assert found.disposition == head


@pytest.mark.parametrize(
    ("text", "boundary"),
    [
        pytest.param("multipart/form-data; boundary=a", b"a", id="token"),
        pytest.param('multipart/form-data; boundary="a b"', b"a b", id="quoted"),
        pytest.param("multipart/form-data; boundary=" + "a" * 70, b"a" * 70, id="70"),
        pytest.param("multipart/form-data; boundary=" + "a" * 71, None, id="71"),
        pytest.param("multipart/form-data", None, id="none"),
        pytest.param("multipart/form-data; boundary=", None, id="empty"),
        pytest.param('multipart/form-data; boundary="a "', None, id="RFC 2046 space at its end"),
        pytest.param("multipart/form-data; boundary=é", None, id="not ASCII"),
    ],
)
def test_boundary(text: str, boundary: bytes | None) -> None:
    assert boundary_of(text) == boundary
