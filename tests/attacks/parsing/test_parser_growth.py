"""Every parser that runs on the event loop, fed with what is worst for it, larger and larger.

Each row names the largest input that can reach the parser: a line of a head (8 KiB), all lines of
one name together, a body. A new parser of what clients send gets its row here.
"""

import base64
import inspect
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from multidict import CIMultiDict

from events.errors import UnknownEventType
from events.http_dates import parse_http_date
from events.log.types import parse_types
from events.stream.frames import parse_event_id
from handlers.access import session_cookie
from handlers.access.auth import bearer_token
from handlers.access.grants import Grants
from handlers.connection.shortcuts.posts import Post
from handlers.delivery.conditional import ETag, Validators, evaluate, parse_etags
from handlers.delivery.disposition import attachment
from handlers.delivery.negotiation import choose
from handlers.delivery.ranges import parse_range
from handlers.errors import RequestError
from handlers.header_values import (
    content_type,
    has_unknown_coding,
    is_host,
    is_packed,
    parameters,
    text_parameter,
)
from handlers.messages import CoursePut, ProgressPut, decode_json
from handlers.paging import Page
from handlers.uploads.form import kept_filename
from handlers.uploads.multipart import MalformedMultipart, MultipartReader, boundary_of
from handlers.uploads.tus_headers import parse_checksum, parse_metadata, parse_size
from server.web.app import MAX_JSON_BYTES
from server.web.proxies import TrustedProxies
from storage.captions.language_tags import canonical_tag
from tests.attacks.parsing.costs import GROWTH, MOST_S, cost_s, grows_faster_than_its_input

LINE = 8 * 1024  # aiohttp's limit of a header line, and of the address
FIELD = 100 * LINE  # of one name there can be as many lines as a request may have
PART_HEAD = 16 * 1024
CHUNK = 256 * 1024
VALIDATORS = Validators(ETag("0123456789abcdef"), 1_700_000_000)
GRANTS = Grants("a secret of at least thirty-two bytes", 60.0)
REFUSALS = (RequestError, UnknownEventType, MalformedMultipart)


@dataclass(frozen=True)
class Attack:
    """`hostile` makes an input of so many characters."""

    read: Callable[[Any], Any]
    hostile: Callable[[int], Any]
    largest: int


def repeated(unit: str, before: str = "", after: str = "") -> Callable[[int], str]:
    def hostile(size: int) -> str:
        count = (size - len(before) - len(after)) // len(unit)
        return before + unit * count + after

    return hostile


def octets(unit: str, before: str = "", after: str = "") -> Callable[[int], bytes]:
    text = repeated(unit, before, after)
    return lambda size: text(size).encode()


def rows(
    name: str, read: Callable[[Any], Any], largest: int, **hostile: Callable[[int], Any]
) -> Iterator[Any]:
    for kind, make in hostile.items():
        yield pytest.param(Attack(read, make, largest), id=f"{name} {kind.replace('_', ' ')}")


def field(name: str, read: Callable[[Any], Any]) -> Callable[[str], Any]:
    return lambda text: read(CIMultiDict({name: text}))


def in_lines(name: str, read: Callable[[Any], Any]) -> Callable[[str], Any]:
    """As many lines of a field as the text needs."""

    def reading(text: str) -> Any:
        lines = [text[at : at + LINE] for at in range(0, len(text), LINE)]
        return read(CIMultiDict((name, line) for line in lines))

    return reading


def finished(work: Awaitable[Any]) -> Any:
    """Runs a coroutine that never really waits to its end, without a loop."""
    try:
        inspect.getcoroutinestate(work)  # type: ignore[arg-type]
        work.send(None)  # type: ignore[attr-defined]
    except StopIteration as exc:
        return exc.value
    raise AssertionError("it waits")


def read_form(body: bytes, piece_bytes: int = CHUNK) -> int:
    """All parts of a form, as `piece_bytes` arrive at a time."""
    pieces = (body[at : at + piece_bytes] for at in range(0, len(body), piece_bytes))

    async def read() -> bytes:
        return next(pieces, b"")

    async def reading() -> int:
        reader, size = MultipartReader(read, b"-" * 30 + b"boundary"), 0
        while await reader.next_part() is not None:
            while chunk := await reader.read_chunk():
                size += len(chunk)
        return size

    return int(finished(reading()))


DELIMITER = "\r\n--" + "-" * 30 + "boundary"
OPENED = DELIMITER[2:] + '\r\nContent-Disposition: form-data; name="file"\r\n\r\n'
IN_DISPOSITION = DELIMITER[2:] + "\r\nContent-Disposition: form-data; "
END = DELIMITER + "--"
REPORT = '{"session_id":"s","sequence":1,"position":1,"event":"progress","watched":'

PARAMETERS = {
    "semicolons": repeated(";", "a/b"),
    "parentheses": repeated("(", "a/b;"),
    "quotes": repeated('"', "a/b;c="),
    "backslashes": repeated("\\", 'a/b;c="'),
    "escaped_quotes": repeated('\\"', 'a/b;c="'),
    "equals_signs": repeated("=", "a/b;"),
    "names": repeated(";a=b", "a/b"),
    "quotations": repeated(';a=""', "a/b"),
    "spaces": repeated(" ", "a/b", ";"),
    "spaces_and_semicolons": repeated("; ", "a/b"),
    "pieces": repeated(";filename*0=a", "a/b"),
    "percent_signs": repeated("%", "a/b;filename*=UTF-8''"),
    "one_token": repeated("a", "a/"),
    "newlines": repeated("\r\n ", "a/b;"),
}

ATTACKS = [
    *rows("Content-Type", field("Content-Type", content_type), LINE, **PARAMETERS),
    *rows("parameters", parameters, PART_HEAD, **PARAMETERS),
    *rows("boundary", boundary_of, LINE, **PARAMETERS, long=repeated("a", "a/b;boundary=")),
    *rows(
        "file name",
        lambda text: kept_filename(text_parameter(parameters(text), "filename")),
        PART_HEAD,
        **PARAMETERS,
        accents=repeated("e\u0301", "a;filename="),
        controls=repeated("\x01", "a;filename="),
    ),
    *rows(
        "Host",
        is_host,
        LINE,
        letters=repeated("a", "", "@"),
        percent_signs=repeated("%"),
        encoded=repeated("%20", "", "@"),
        brackets=repeated("["),
        address=repeated(":", "["),
        zone=repeated("a", "[::1%"),
        port=repeated("1", "a:", "@"),
    ),
    *rows(
        "Transfer-Encoding",
        in_lines("Transfer-Encoding", has_unknown_coding),
        FIELD,
        commas=repeated(","),
        chunks=repeated("chunked,"),
        spaces=repeated(" "),
    ),
    *rows(
        "Content-Encoding",
        in_lines("Content-Encoding", is_packed),
        FIELD,
        commas=repeated(","),
        identities=repeated("identity,"),
        spaces=repeated(" "),
    ),
    *rows(
        "multipart",
        read_form,
        CHUNK,
        line_breaks=octets("\r\n", OPENED, END),
        returns=octets("\r", OPENED, END),
        dashes=octets("-", OPENED, END),
        near_delimiters=octets(DELIMITER[:-1] + "?", OPENED, END),
        shorter_delimiters=octets(DELIMITER[:-1], OPENED, END),
        delimiters=octets(DELIMITER, OPENED, END),
        preamble=octets("\r\n--"),
        endless_head=octets("a: b\r\n", DELIMITER[2:] + "\r\n"),
        folded_head=octets("\r\n ", IN_DISPOSITION),
        padding=octets(" ", DELIMITER[2:]),
    ),
    *rows(
        "multipart head",
        read_form,
        PART_HEAD,
        parts=octets(DELIMITER + "\r\n\r\n", OPENED, END),  # a form has no more than two
        fields=octets("a: b\r\n", DELIMITER[2:] + "\r\n", "\r\n\r\n" + END),
        semicolons=octets(";", IN_DISPOSITION, "\r\n\r\n" + END),
        quotes=octets('"', IN_DISPOSITION + "name=", "\r\n\r\n" + END),
        folds=octets("\r\n ", IN_DISPOSITION, "\r\n\r\n" + END),
    ),
    *rows(
        "multipart in small pieces",
        partial(read_form, piece_bytes=16),
        PART_HEAD,
        dashes=octets("-", OPENED, END),
        near_delimiters=octets(DELIMITER[:-1] + "?", OPENED, END),
        head=octets("a", IN_DISPOSITION, "\r\n\r\n" + END),
    ),
    *rows(
        "Range",
        lambda text: parse_range(text, 10**9),
        FIELD,
        ranges=repeated("0-1,", "bytes="),
        commas=repeated(",", "bytes="),
        digits=repeated("9", "bytes=", "-"),
        zeros=repeated("0", "bytes=", "-"),
        spaces=repeated(" ", "bytes=", "0-1"),
        dashes=repeated("-", "bytes="),
        overlapping=repeated("0-,", "bytes="),
    ),
    *rows(
        "entity tags",
        parse_etags,
        FIELD,
        tags=repeated('"a",'),
        empty_tags=repeated('"",'),
        commas=repeated(","),
        spaces=repeated(" "),
        spaced_commas=repeated(" ,"),
        quotes=repeated('"'),
        weak=repeated("W/"),
        endless=repeated("a", '"'),
    ),
    *rows(
        "If-None-Match",
        in_lines("If-None-Match", lambda headers: evaluate("GET", headers, VALIDATORS)),
        FIELD,
        tags=repeated('"a",'),
        commas=repeated(","),
    ),
    *rows(
        "If-Modified-Since",
        in_lines("If-Modified-Since", lambda headers: evaluate("GET", headers, VALIDATORS)),
        FIELD,
        spaces=repeated(" "),
        digits=repeated("9", "Mon, "),
        zone=repeated("(", "Mon, 01 Jan 2024 00:00:00 "),
    ),
    *rows(
        "date",
        lambda text: parse_http_date(text, 2024),
        FIELD,
        days=repeated("Mon, "),
        digits=repeated("9", "Mon, 01 Jan "),
        spaces=repeated(" "),
    ),
    *rows(
        "Accept",
        lambda text: choose(text, ["video/mp4", "video/webm"], {"video/webm"}),
        FIELD,
        types=repeated("a/b,"),
        wildcards=repeated("*/*;q=0.1,"),
        quotes=repeated('"', "a/b;c="),
        escaped_quotes=repeated('\\"', 'a/b;c="'),
        weights=repeated(";q=1", "video/mp4"),
        spaces=repeated(" ", "a/b;", "q=0"),
        spaced_weights=repeated("; \t", "a/b"),
        commas=repeated(","),
    ),
    *rows(
        "Upload-Metadata",
        parse_metadata,
        FIELD,
        keys=lambda size: ",".join(f"k{number} YQ==" for number in range(size // 8)),
        commas=repeated(","),
        spaces=repeated(" "),
        value=repeated("YWFh", "filename "),
        no_base64=repeated("=", "filename "),
    ),
    *rows("Upload-Checksum", parse_checksum, FIELD, digest=repeated("YWFh", "sha1 ")),
    *rows("Upload-Length", partial(parse_size, "Upload-Length"), FIELD, digits=repeated("9")),
    *rows("Last-Event-ID", parse_event_id, FIELD, digits=repeated("9"), other=repeated("\u0660")),
    *rows("event types", parse_types, LINE, commas=repeated(","), types=repeated("a,")),
    *rows(
        "language", canonical_tag, LINE, subtags=repeated("-abcde", "en"), x=repeated("-x", "en")
    ),
    *rows(
        "X-Forwarded-For",
        lambda text: TrustedProxies(["10.0.0.0/8"]).client("10.0.0.1", [text] * 100),
        LINE,
        ours=repeated("10.0.0.1,"),
        commas=repeated(","),
        colons=repeated(":"),
    ),
    *rows(
        "Authorization",
        in_lines("Authorization", bearer_token),
        FIELD,
        token=repeated("a", "Bearer "),
        spaces=repeated(" ", "Bearer", "a"),
        dots=repeated("a.", "Bearer "),
    ),
    *rows(
        "Cookie",
        partial(session_cookie.read, is_secure=False),
        FIELD,
        cookies=repeated("a=b;"),
        names=repeated("coursestream=a;"),
        quotes=repeated('"', "coursestream="),
        semicolons=repeated(";"),
        spaces=repeated(" ", "coursestream", "=a"),
        value=repeated("a.", "coursestream="),
    ),
    *rows(
        "grant",
        GRANTS.playback,
        LINE,
        dots=repeated("."),
        letters=repeated("a"),
        nested=lambda size: (
            base64.urlsafe_b64encode(b'{"a":' + b"[" * (size * 3 // 4)).decode() + "..a"
        ),
        digits=lambda size: (
            base64.urlsafe_b64encode(b'{"alg":' + b"9" * (size * 3 // 4)).decode() + "..a"
        ),
    ),
    *rows(
        "cursor",
        lambda text: Page(50, text).after(tuple[str, str], ("", "")),
        512,
        letters=repeated("a"),
        nested=lambda size: base64.urlsafe_b64encode(b"[" * (size * 3 // 4)).decode(),
    ),
    *rows(
        "JSON",
        lambda body: decode_json(body, ProgressPut),
        MAX_JSON_BYTES,
        arrays=octets("["),
        objects=octets('{"a":'),
        digits=octets("9", '{"sequence":'),
        fraction=octets("9", '{"position":0.'),
        exponent=octets("9", '{"position":1e'),
        keys=lambda size: json.dumps({f"k{n}": 1 for n in range(size // 12)}).encode(),
        one_key=octets('"session_id":"s",', "{", '"sequence":1}'),
        long_key=octets("k", '{"', '":1}'),
        intervals=octets("[0,1],", REPORT + "[", "[0,1]]}"),
        digits_of_intervals=octets("9", REPORT + "[[0,", "]]}"),
        escapes=octets("\\u0000", '{"session_id":"', '"}'),
        spaces=octets(" ", "{"),
        commas=octets(",", "["),
    ),
    *rows(
        "JSON title",
        lambda body: decode_json(body, CoursePut),
        MAX_JSON_BYTES,
        letters=octets("a", '{"title":"', '"}'),
        accents=octets("\u0301", '{"title":"', '"}'),
        surrogates=octets("\\ud83d\\ude00", '{"title":"', '"}'),
    ),
    *rows(
        "POST",
        Post.of,
        CHUNK,
        lengths=octets("\r\nContent-Length: 1", "POST / HTTP/1.1", "\r\n\r\na"),
        line_breaks=octets("\r\n", "POST "),
        returns=octets("\r", "POST "),
    ),
    # What was uploaded stays, and is written into each answer.
    *rows(
        "download name",
        lambda text: attachment(text, "title", "mp4"),
        255,
        slashes=repeated("/"),
        dots=repeated("."),
        endings=repeated(".mp4"),
        accents=repeated("\u0301"),
        quotes=repeated('"'),
    ),
]


@pytest.fixture(autouse=True)
def unblocked_loop() -> None:
    """There is no loop here, and looking for one takes time."""


@pytest.mark.parametrize("attack", ATTACKS)
def test_reading_takes_no_longer_than_its_input_is_long(attack: Attack) -> None:
    small_s, large_s = (
        cost_s(partial(attempt, attack.read, attack.hostile(size)))
        for size in (attack.largest // GROWTH, attack.largest)
    )

    assert large_s < MOST_S
    assert not grows_faster_than_its_input(small_s, large_s)


def attempt(read: Callable[[Any], Any], hostile: Any) -> None:
    with suppress(*REFUSALS):
        read(hostile)


def test_a_square_would_be_seen() -> None:
    small_s, large_s = (cost_s(partial(square, size)) for size in (600, 600 * GROWTH))

    assert grows_faster_than_its_input(small_s, large_s)


def square(size: int) -> int:
    return sum(one < other for one in range(size) for other in range(size))
