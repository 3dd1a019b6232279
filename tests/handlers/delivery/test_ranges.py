"""Known answers of RFC 9110 section 14: a row for each sentence of what clients may rely on.

The boundary rows come first: 0, 1, size-1, size, size+1, and an empty file.
"""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from handlers.delivery.ranges import (
    ByteSpan,
    NoRange,
    Part,
    RepresentationFacts,
    TransferPlan,
    coalesce,
    content_range,
    parse_range,
    plan,
)

SIZE = 1000
FACTS = RepresentationFacts(
    size_bytes=SIZE,
    content_type='video/mp4; codecs="avc1.64001F, mp4a.40.2"',
    etag="0123456789abcdef",
    last_modified_s=784111777,
    cache_control="private, no-cache",
    varies_by_accept=True,
)
ETAG = '"0123456789abcdef"'
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
IGNORED = NoRange.IGNORED
UNSATISFIABLE = NoRange.UNSATISFIABLE


def spans(*pairs):
    return tuple(ByteSpan(start, stop) for start, stop in pairs)


def row(name, text, expected, size=SIZE):
    return pytest.param(text, size, expected, id=name)


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        row("14.1.2 first byte (whitenoise: 416)", "bytes=0-0", spans((0, 1))),
        row("14.1.2 first two bytes (Safari, before it plays)", "bytes=0-1", spans((0, 2))),
        row("14.1.2 second byte", "bytes=1-1", spans((1, 2))),
        row("14.1.2 up to the last but one", "bytes=0-998", spans((0, 999))),
        row("14.1.2 up to the last byte", "bytes=0-999", spans((0, 1000))),
        row("14.1.2 last-pos at the size is clamped", "bytes=0-1000", spans((0, 1000))),
        row("14.1.2 last-pos past the size is clamped", "bytes=0-1001", spans((0, 1000))),
        row("14.1.2 the last byte", "bytes=999-999", spans((999, 1000))),
        row("14.1.2 first-pos at the last byte, clamped", "bytes=999-1001", spans((999, 1000))),
        row("14.1.2 first-pos at the size", "bytes=1000-1000", UNSATISFIABLE),
        row("14.1.2 first-pos past the size", "bytes=1001-2000", UNSATISFIABLE),
        row("14.1.2 open from 0 (Chromium)", "bytes=0-", spans((0, 1000))),
        row("14.1.2 open", "bytes=500-", spans((500, 1000))),
        row("14.1.2 open at the last byte", "bytes=999-", spans((999, 1000))),
        row("14.1.2 open at the size", "bytes=1000-", UNSATISFIABLE),
        row("14.1.2 suffix of nothing (aiohttp: whole)", "bytes=-0", UNSATISFIABLE),
        row("14.1.2 suffix of nothing, longer", "bytes=-000", UNSATISFIABLE),
        row("14.1.2 suffix of one", "bytes=-1", spans((999, 1000))),
        row("14.1.2 suffix", "bytes=-500", spans((500, 1000))),
        row("14.1.2 suffix one short of the file", "bytes=-999", spans((1, 1000))),
        row("14.1.2 suffix of the file", "bytes=-1000", spans((0, 1000))),
        row("14.1.2 suffix longer than the file", "bytes=-1001", spans((0, 1000))),
        row("size 0: open", "bytes=0-", UNSATISFIABLE, size=0),
        row("size 0: first byte", "bytes=0-0", UNSATISFIABLE, size=0),
        row("size 0: a suffix is satisfiable, yet not sayable", "bytes=-5", IGNORED, size=0),
        row("size 0: suffix of nothing", "bytes=-0", UNSATISFIABLE, size=0),
        row("size 0: suffix beside an open one", "bytes=0-,-5", IGNORED, size=0),
        row("size 1: first byte", "bytes=0-0", spans((0, 1)), size=1),
        row("size 1: second byte", "bytes=1-1", UNSATISFIABLE, size=1),
        row("size 1: suffix", "bytes=-1", spans((0, 1)), size=1),
        row("14.1 unit is case-insensitive", "BYTES=0-1", spans((0, 2))),
        row("14.2 foreign unit (aiohttp: 416)", "items=0-1", IGNORED),
        row("14.2 no unit", "=0-1", IGNORED),
        row("14.2 unit alone", "bytes", IGNORED),
        row("14.2 space before the equals sign", "bytes =0-1", IGNORED),
        row("empty field", "", IGNORED),
        row("14.1.1 empty set", "bytes=", IGNORED),
        row("14.1.1 a set of empty elements", "bytes= , ,\t", IGNORED),
        row("14.1.1 a dash alone", "bytes=-", IGNORED),
        row("14.1.1 a number alone", "bytes=5", IGNORED),
        row("14.1.1 letters (aiohttp: 416)", "bytes=abc", IGNORED),
        row("14.1.1 last-pos before first-pos", "bytes=5-4", IGNORED),
        row("14.1.1 last-pos before first-pos, leading zeros", "bytes=0010-9", IGNORED),
        row("14.1.1 leading zeros", "bytes=000-0009", spans((0, 10))),
        row("14.1.1 space within a range", "bytes=0 -1", IGNORED),
        row("14.1.1 sign", "bytes=+0-1", IGNORED),
        row("14.1.1 two dashes", "bytes=0--1", IGNORED),
        row("14.1.1 underscore", "bytes=0-1_0", IGNORED),
        row("14.1.1 digits of another script", "bytes=٠-١", IGNORED),
        row("14.1.1 semicolon", "bytes=0-1;5-6", IGNORED),
        row("14.1.1 another set behind", "bytes=0-1, bytes=5-6", IGNORED),
        row("5.6.1 SP and HTAB around elements", "bytes= 0-1 ,\t5-6\t", spans((0, 2), (5, 7))),
        row("5.6.1 empty elements", "bytes=,0-1, ,,5-6,", spans((0, 2), (5, 7))),
        row("5.6.1 other white space is none", "bytes=0-1,\u00a05-6", IGNORED),
        row("14.2 several, in the order asked", "bytes=500-599,0-99", spans((500, 600), (0, 100))),
        row("14.2 one malformed voids the field", "bytes=0-1,x,5-6", IGNORED),
        row("14.2 one reversed voids the field", "bytes=0-1,6-5", IGNORED),
        row("14.2 malformed behind an unsatisfiable one", "bytes=2000-,x", IGNORED),
        row("14.2 unsatisfiable ones are dropped", "bytes=2000-,0-1,-0", spans((0, 2))),
        row("14.2 none satisfiable", "bytes=2000-,1000-,-0", UNSATISFIABLE),
        row("17.15 sixteen", "bytes=" + ",".join(["0-0"] * 16), spans(*[(0, 1)] * 16)),
        row("17.15 seventeen", "bytes=" + ",".join(["0-0"] * 17), IGNORED),
        row("17.15 seventeen, unsatisfiable", "bytes=" + ",".join(["2000-"] * 17), IGNORED),
        row(
            "17.15 sixteen, empty ones uncounted", "bytes=" + "0-0,,,," * 16, spans(*[(0, 1)] * 16)
        ),
        row("17.15 together the file", "bytes=0-499,500-", spans((0, 500), (500, 1000))),
        row("17.15 together one byte more", "bytes=0-500,500-", IGNORED),
        row("17.15 twice the file (overlapping)", "bytes=0-,0-", IGNORED),
        row("17.15 together, after clamping", "bytes=0-499,500-9999", spans((0, 500), (500, 1000))),
        row("number past 64 bits as last-pos", "bytes=0-" + "9" * 30, spans((0, 1000))),
        row("number past 64 bits as first-pos", "bytes=" + "9" * 30 + "-", UNSATISFIABLE),
        row("number past 64 bits as suffix", "bytes=-" + "9" * 30, spans((0, 1000))),
        row("last byte of an exabyte", f"bytes={10**18 - 1}-", spans((10**18 - 1, 10**18)), 10**18),
        row("an exabyte, clamped", "bytes=0-" + "9" * 30, spans((0, 10**18)), 10**18),
        row("two such numbers, reversed", "bytes=" + "9" * 30 + "-" + "9" * 29 + "8", IGNORED),
        row("thousands of leading zeros", "bytes=" + "0" * 4000 + "-1", spans((0, 2))),
        row("text of 4096", "bytes=0-1".ljust(4096), spans((0, 2))),
        row("text of 4097", "bytes=0-1".ljust(4097), IGNORED),
        row("number of 5,000 digits", "bytes=0-" + "9" * 5000, IGNORED),
    ],
)
def test_parse_range(text, size, expected):
    assert parse_range(text, size) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param((), (), id="none"),
        pytest.param(((0, 1),), ((0, 1),), id="one"),
        pytest.param(((0, 5), (6, 9)), ((0, 5), (6, 9)), id="a byte between them"),
        pytest.param(((0, 5), (5, 9)), ((0, 9),), id="touching"),
        pytest.param(((0, 6), (5, 9)), ((0, 9),), id="overlapping"),
        pytest.param(((0, 9), (2, 3)), ((0, 9),), id="one within the other"),
        pytest.param(((2, 3), (2, 3)), ((2, 3),), id="twice the same"),
        pytest.param(((6, 9), (0, 5)), ((6, 9), (0, 5)), id="order asked"),
        pytest.param(((50, 60), (0, 5), (55, 70)), ((50, 70), (0, 5)), id="merged at first place"),
        pytest.param(((5, 9), (90, 95), (0, 5)), ((0, 9), (90, 95)), id="later one lies before"),
        pytest.param(((0, 3), (6, 9), (3, 6)), ((0, 9),), id="a bridge"),
    ],
)
def test_coalesce(asked, expected):
    assert coalesce(spans(*asked)) == spans(*expected)


def test_content_range_is_inclusive():
    assert content_range(ByteSpan(0, 1), 1000) == "bytes 0-0/1000"
    assert content_range(None, 0) == "bytes */0"


def answer(method="GET", facts=FACTS, **fields):
    headers = CIMultiDict({name.replace("_", "-"): text for name, text in fields.items()})
    return plan(method, headers, facts, boundary="BOUNDARY")


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        pytest.param("GET", {}, 200, id="14.2 no Range"),
        pytest.param("GET", {"Range": "bytes=0-1"}, 206, id="15.3.7 one range"),
        pytest.param("GET", {"Range": "bytes=0-"}, 206, id="15.3.7 the whole file as a range"),
        pytest.param("GET", {"Range": "bytes=1000-"}, 416, id="15.5.17 past the end"),
        pytest.param("GET", {"Range": "items=0-1"}, 200, id="14.2 foreign unit"),
        pytest.param("HEAD", {"Range": "bytes=0-1"}, 200, id="14.2 Range on HEAD (nginx: 206)"),
        pytest.param("HEAD", {"Range": "bytes=1000-"}, 200, id="14.2 past the end on HEAD"),
        pytest.param("GET", {"Range": "bytes=0-1", "If-Range": ETAG}, 206, id="13.1.5 this tag"),
        pytest.param(
            "GET", {"Range": "bytes=0-1", "If-Range": '"stale"'}, 200, id="13.1.5 other tag"
        ),
        pytest.param(
            "GET", {"Range": "bytes=0-1", "If-Range": f"W/{ETAG}"}, 200, id="13.1.5 weak tag"
        ),
        pytest.param("GET", {"Range": "bytes=0-1", "If-Range": DATE}, 206, id="13.1.5 this date"),
        pytest.param(
            "GET", {"Range": "bytes=1000-", "If-Range": '"stale"'}, 200, id="15.5.17 not if stale"
        ),
        pytest.param("GET", {"If-Range": '"stale"'}, 200, id="13.1.5 without Range"),
        pytest.param(
            "GET", {"Range": "bytes=0-1", "If-None-Match": ETAG}, 304, id="13.2.2 304 before Range"
        ),
        pytest.param(
            "GET", {"Range": "bytes=9999-", "If-None-Match": ETAG}, 304, id="13.2.2 304 before 416"
        ),
        pytest.param(
            "GET", {"Range": "bytes=9999-", "If-Match": '"x"'}, 412, id="13.2.2 412 before 416"
        ),
        pytest.param(
            "".join("GET"), {"Range": "bytes=0-1"}, 206, id="9.1 method read from the wire"
        ),
        pytest.param("HEAD", {"If-None-Match": ETAG}, 304, id="13.1.2 HEAD"),
        pytest.param("HEAD", {"If-Match": '"x"'}, 412, id="13.1.1 HEAD"),
    ],
)
def test_status(method, fields, status):
    assert answer(method, **fields).status == status


def test_two_range_fields_are_ignored():
    headers = CIMultiDict([("Range", "bytes=0-1"), ("Range", "bytes=5-6")])

    assert plan("GET", headers, FACTS, boundary="B").status == 200


def test_whole_file_golden():
    decided = answer()

    assert decided.headers == (
        ("Content-Type", 'video/mp4; codecs="avc1.64001F, mp4a.40.2"'),
        ("Content-Length", "1000"),
        ("Accept-Ranges", "bytes"),
        ("Etag", ETAG),
        ("Last-Modified", DATE),
        ("Cache-Control", "private, no-cache"),
        ("Vary", "Accept"),
        ("X-Content-Type-Options", "nosniff"),
    )
    assert [part.span for part in decided.parts] == [ByteSpan(0, 1000)]


def test_head_has_the_headers_of_get_and_no_body():
    assert answer("HEAD").headers == answer().headers
    assert answer("HEAD").body_bytes == 0
    assert answer("".join("HEAD")).body_bytes == 0


def test_one_range_has_the_headers_of_the_whole_and_its_own_two():
    whole, part = dict(answer().headers), dict(answer(Range="bytes=5-9").headers)

    assert part == whole | {"Content-Length": "5", "Content-Range": "bytes 5-9/1000"}


def test_if_range_changes_no_header():
    assert answer(Range="bytes=5-9", If_Range=ETAG).headers == answer(Range="bytes=5-9").headers


def test_extra_headers_go_with_the_bytes_only():
    extra = ("Content-Disposition", "attachment")
    facts = RepresentationFacts(9, "video/webm", "e", 0, "private", extra_headers=(extra,))

    assert extra in answer(facts=facts).headers
    assert extra in answer(facts=facts, Range="bytes=0-1").headers
    assert extra not in answer(facts=facts, If_None_Match='"e"').headers
    assert extra not in answer(facts=facts, Range="bytes=9-").headers


def test_not_modified_golden():
    decided = answer(If_None_Match=ETAG)

    assert decided.headers == (
        ("Etag", ETAG),
        ("Cache-Control", "private, no-cache"),
        ("Vary", "Accept"),
        ("X-Content-Type-Options", "nosniff"),
    )
    assert decided.body_bytes == 0


def test_unsatisfiable_golden():
    decided = answer(Range="bytes=1000-")

    assert decided.headers == (
        ("Content-Range", "bytes */1000"),
        ("Accept-Ranges", "bytes"),
        ("Etag", ETAG),
        ("Cache-Control", "private, no-cache"),
        ("Vary", "Accept"),
        ("X-Content-Type-Options", "nosniff"),
    )
    assert decided.body_bytes == 0


def test_errors_are_not_stored_for_as_long_as_the_bytes():
    facts = RepresentationFacts(9, "video/webm", "e", 0, "private, max-age=900")

    assert dict(answer(facts=facts, If_Match='"x"').headers) == {
        "Accept-Ranges": "bytes",
        "Etag": '"e"',
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }


def body_of(decided, content):
    return b"".join(
        part.prefix + content[part.span.start : part.span.stop] for part in decided.parts
    )


def test_multipart_golden():
    content = bytes(range(48, 58)) * 100

    decided = answer(Range="bytes=990-,0-1,2000-,5-6")
    headers = dict(decided.headers)

    assert decided.status == 206
    assert headers["Content-Type"] == "multipart/byteranges; boundary=BOUNDARY"
    assert "Content-Range" not in headers
    assert body_of(decided, content) == (
        b"--BOUNDARY\r\n"
        b'Content-Type: video/mp4; codecs="avc1.64001F, mp4a.40.2"\r\n'
        b"Content-Range: bytes 990-999/1000\r\n"
        b"\r\n"
        b"0123456789"
        b"\r\n--BOUNDARY\r\n"
        b'Content-Type: video/mp4; codecs="avc1.64001F, mp4a.40.2"\r\n'
        b"Content-Range: bytes 0-1/1000\r\n"
        b"\r\n"
        b"01"
        b"\r\n--BOUNDARY\r\n"
        b'Content-Type: video/mp4; codecs="avc1.64001F, mp4a.40.2"\r\n'
        b"Content-Range: bytes 5-6/1000\r\n"
        b"\r\n"
        b"56"
        b"\r\n--BOUNDARY--\r\n"
    )
    assert headers["Content-Length"] == str(len(body_of(decided, content)))


def test_ranges_that_become_one_are_no_multipart():
    decided = answer(Range="bytes=0-1,2-3")

    assert dict(decided.headers)["Content-Range"] == "bytes 0-3/1000"
    assert [part.span for part in decided.parts] == [ByteSpan(0, 4)]


def test_one_left_of_several_is_no_multipart():
    assert dict(answer(Range="bytes=0-1,2000-").headers)["Content-Range"] == "bytes 0-1/1000"


def test_an_empty_file_is_sent_whole():
    facts = RepresentationFacts(0, "video/mp4", "e", 0, "private")

    assert dict(answer(facts=facts).headers)["Content-Length"] == "0"
    assert answer(facts=facts, Range="bytes=-5").status == 200
    assert dict(answer(facts=facts, Range="bytes=0-").headers)["Content-Range"] == "bytes */0"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (ByteSpan(0, 1), "start"),
        (FACTS, "size_bytes"),
        (Part(b"", ByteSpan(0, 1)), "prefix"),
        (TransferPlan(200, ()), "status"),
    ],
)
def test_what_was_decided_stays_so(value, name):
    with pytest.raises(AttributeError):
        setattr(value, name, None)
    assert not hasattr(value, "__dict__")


POSITION = st.integers(0, 2000).map(str) | st.just("") | st.text("0123456789", max_size=40)
SPEC = st.builds("{}-{}".format, POSITION, POSITION) | st.sampled_from(["", " ", "\t", "x"])
RANGE = st.lists(SPEC, max_size=20).map(lambda specs: "bytes=" + ",".join(specs)) | st.text()


@settings(deadline=None)  # Noisy machines; time has tests of its own.
@given(RANGE, st.integers(0, 1500))
def test_any_range_is_answered_with_at_most_the_file(text, size):
    facts = RepresentationFacts(size, "video/mp4", "e", 0, "private")

    decided = answer(facts=facts, Range=text)
    asked = [part.span for part in decided.parts if part.span.size_bytes]

    assert decided.status in (200, 206, 416)
    assert all(0 <= span.start < span.stop <= size for span in asked)
    assert sum(span.size_bytes for span in asked) <= size
    if decided.status != 416:
        assert dict(decided.headers)["Content-Length"] == str(decided.body_bytes)


@settings(deadline=None)  # Noisy machines; time has tests of its own.
@given(RANGE, st.integers(0, 1500))
def test_coalescing_loses_and_adds_no_byte(text, size):
    found = parse_range(text, size)
    asked = () if isinstance(found, NoRange) else found
    merged = coalesce(asked)

    def covered(pieces):
        return {place for piece in pieces for place in range(piece.start, piece.stop)}

    assert covered(merged) == covered(asked)
    assert sum(span.size_bytes for span in merged) == len(covered(merged))


@pytest.mark.parametrize(
    "element", ["0-0,", ",", " ", "\t,", "0", "-", "9-,", "x", "0-0 ,", "=", "bytes=0-0,"]
)
@pytest.mark.parametrize("length", [4096, 8190, 1_000_000])
def test_long_text_costs_bounded_time(element, length):
    text = ("bytes=" + element * length)[:length]
    started_s = time.process_time()

    parse_range(text, SIZE)

    # 4 KiB take some 100 us at worst, and what is longer is not read.
    assert time.process_time() - started_s < 0.25
