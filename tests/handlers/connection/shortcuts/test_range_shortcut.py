"""Requests that are learnt, those that are recognised, and those that go the full way."""

from types import SimpleNamespace

import pytest
from aiohttp import HttpVersion10, HttpVersion11
from multidict import CIMultiDict

from handlers.connection.shortcuts.known_requests import MOST_HEAD_BYTES
from handlers.connection.shortcuts.range_shortcut import CachedDecision, RangeRequest, RangeShortcut
from handlers.delivery.open_files import Representation
from handlers.delivery.ranges import ByteSpan, Part, TransferPlan, plan

SIZE = 1000
FIELDS = [
    ("Content-Length", "7"),
    ("Content-Range", f"bytes 0-6/{SIZE}"),
    ("Cache-Control", "private, max-age=99"),
    ("Date", "of old"),
    ("X-Request-ID", "0" * 32),
    ("Content-Disposition", "attachment; filename*=UTF-8''100%25"),
]


class Permit:
    """Says what the test wants, and counts how often it let a request in."""

    def __init__(self):
        self.is_held = True
        self.is_admitted = True
        self.admitted = 0
        self.claim = self

    def holds(self):
        return self.is_held

    def cache_control(self):
        return "private, max-age=5"

    def admits(self, begun):
        self.admitted += self.is_admitted
        return self.is_admitted


class Files:
    def __init__(self):
        self.file = SimpleNamespace(size_bytes=SIZE, is_kept=True)

    def held(self, representation):
        return self.file


class World:
    """A shortcut that remembers one request, or none."""

    def __init__(self, capacity=10):
        self.files, self.permit, self.is_stopping = Files(), Permit(), False
        self.shortcut = RangeShortcut(self.files, None, lambda: self.is_stopping, capacity=capacity)
        self.representation = Representation(None, "v", SIZE, "video/mp4", "e", 0)

    def teach(self, *lines, method="GET", version=HttpVersion11, keep_alive=True):
        data = head(*lines)
        headers = CIMultiDict(line.split(": ", 1) for line in lines)
        request = SimpleNamespace(
            method=method,
            version=version,
            keep_alive=keep_alive,
            headers=headers,
            match_info=SimpleNamespace(route=SimpleNamespace(resource=None)),
        )
        decided = plan(method, headers, self.representation.facts("private"), boundary="B")
        asked = self.shortcut.recognize(data)
        if asked is not None:
            decision = CachedDecision(self.representation, self.permit)
            self.shortcut.remember(asked, request, decided, FIELDS, decision)
        return len(self.shortcut) == 1

    def answer(self, *lines):
        answer = self.shortcut.answer(head(*lines))
        return answer if answer is not None and self.shortcut.admits(answer) else None


def head(*lines):
    return "\r\n".join(["GET /v HTTP/1.1", *lines, "", ""]).encode()


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize(
    ("digits", "span"),
    [
        ("0-0", (0, 1)),
        ("0-999", (0, 1000)),
        ("0-1000", (0, 1000)),
        ("999-999", (999, 1000)),
        ("5-999999999999999", (5, 1000)),
        ("7-", (7, 1000)),
        ("0007-0008", (7, 9)),
    ],
)
def test_a_request_with_other_digits_is_known(world, digits, span):
    assert world.teach("Range: bytes=0-6")

    answer = world.answer(f"Range: bytes={digits}")

    assert answer.span == ByteSpan(*span)
    assert answer.file is world.files.file
    text = answer.head.decode()
    assert f"\r\nContent-Length: {span[1] - span[0]}\r\n" in text
    assert f"\r\nContent-Range: bytes {span[0]}-{span[1] - 1}/{SIZE}\r\n" in text
    assert "\r\nCache-Control: private, max-age=5\r\n" in text
    assert "filename*=UTF-8''100%25\r\n" in text
    assert "Date: of old" not in text
    assert text.startswith("HTTP/1.1 206 Partial Content\r\n")


@pytest.mark.parametrize(
    "field",
    [
        "Range: bytes=1000-",
        "Range: bytes=9-8",
        "Range: bytes=-5",
        "Range: bytes=0-5,7-8",
        "Range: bytes=0-5 ",
        "Range: bytes= 0-5",
        "Range: bytes=+0-5",
        "Range: bytes=0-1000000000000000",
        "Range: Bytes=0-5",
        "Range:  bytes=0-5",
        "RANGE: bytes=0-5",
        "Range: bytes=0-5\r\nRange: bytes=0-5",
        "Range: bytes=0-5\r\nX: y",
        "X: y",
    ],
)
def test_any_other_request_goes_the_full_way(world, field):
    assert world.teach("Range: bytes=0-6")

    assert world.answer(field) is None
    assert world.permit.admitted == 0


@pytest.mark.parametrize(
    "lines",
    [
        ["Range: bytes=-5"],
        ["Range: bytes=0-5,7-8"],
        ["Range: bytes=1000-"],
        ["Range: bytes=5-4"],
        ["Range: bytes=0-5", "Range: bytes=0-5"],
        ["Range: bytes=0-5", "Range: items=0-5"],
        ["Range: bytes=0-5", 'If-Match: "e"'],
        ["Range: bytes=0-5", 'If-None-Match: "other"'],
        ["Range: bytes=0-5", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"],
        ["Range: bytes=0-5", "If-Unmodified-Since: Sun, 06 Nov 2094 08:49:37 GMT"],
        ["Range: bytes=0-5", 'If-Range: W/"e"'],
        ["Range: bytes=0-5", 'If-Range: "other"'],
        ["Range: bytes=0-5", "If-Range: Thu, 01 Jan 1970 00:00:00 GMT"],
        ["Range: bytes=0-5", 'If-Range: "e"', 'If-Range: "e"'],
        ["Range: bytes=0-5", "Content-Length: 0"],
        ["Range: bytes=0-5", "Transfer-Encoding: chunked"],
        ["Range: bytes=0-5", "Expect: 100-continue"],
        ["Range: bytes=0-5", "Upgrade: websocket"],
    ],
    ids=" ".join,
)
def test_what_is_never_learnt(world, lines):
    assert not world.teach(*lines)


@pytest.mark.parametrize(
    "how",
    [{"method": "HEAD"}, {"method": "POST"}, {"version": HttpVersion10}, {"keep_alive": False}],
    ids=str,
)
def test_how_nothing_is_learnt(world, how):
    assert not world.teach("Range: bytes=0-5", **how)


def test_if_range_with_the_very_tag_is_learnt(world):
    assert world.teach("Range: bytes=0-5", 'If-Range: "e"')
    assert world.answer("Range: bytes=7-8", 'If-Range: "e"').span == ByteSpan(7, 9)
    assert world.answer("Range: bytes=7-8") is None


def test_the_whole_is_learnt(world):
    assert world.teach("Accept: */*")
    assert world.answer("Accept: */*").span == ByteSpan(0, SIZE)
    assert world.answer("Accept: */*", "Range: bytes=0-1") is None


@pytest.mark.parametrize(
    "data",
    [
        b"HEAD /v HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n",
        b"GET /v HTTP/1.1\r\nRange: bytes=0-1\r\n\r\nx",
        b"GET /v HTTP/1.1\r\nRange: bytes=0-1\r\n\r\nGET /v HTTP/1.1\r\n\r\n",
        b"GET /v HTTP/1.1\r\nRange: bytes=0-1\r\n",
        b"\r\nGET /v HTTP/1.1\r\nRange: bytes=0-1\r\n\r\n",
        b"",
    ],
)
def test_only_one_whole_get_is_looked_at(world, data):
    assert world.shortcut.recognize(data) is None


def test_the_place_of_the_digits_is_part_of_a_request(world):
    before = world.shortcut.recognize(head("Range: bytes=1-2", "Range: bytes="))
    behind = world.shortcut.recognize(head("Range: bytes=", "Range: bytes=1-2"))

    assert before.key != behind.key


def test_no_bytes_without_digits_are_taken_for_a_range(world):
    """A key stands for digits by digits: no other bytes are taken for it."""
    assert world.teach("Range: bytes=0-6")
    key = world.shortcut.recognize(head("Range: bytes=5-9")).key

    assert world.shortcut.recognize(key).first == 0
    assert world.answer("Range: bytes=\0") is None
    assert world.answer("Range: bytes=-") is None


def test_a_request_with_a_large_head_is_not_looked_at(world):
    fields = head("Range: bytes=0-6", "X: ")
    padded = fields.replace(b"X: ", b"X: " + b"x" * (MOST_HEAD_BYTES - len(fields)))

    assert world.shortcut.recognize(padded).first == 0
    assert world.shortcut.recognize(padded.replace(b"X: ", b"X: x")) is None


def test_a_decision_for_other_bytes_is_not_learnt(world):
    """The plan must be what the digits say."""
    asked = RangeRequest(b"k", 0, 5)
    request = SimpleNamespace(
        method="GET",
        version=HttpVersion11,
        keep_alive=True,
        headers=CIMultiDict({"Range": "bytes=0-5"}),
    )
    for decided in (
        TransferPlan(206, (), (Part(b"", ByteSpan(0, 7)),)),
        TransferPlan(200, (), (Part(b"", ByteSpan(0, 6)),)),
        TransferPlan(206, (), (Part(b"x", ByteSpan(0, 6)),)),
    ):
        decision = CachedDecision(world.representation, world.permit)
        world.shortcut.remember(asked, request, decided, FIELDS, decision)

    assert len(world.shortcut) == 0


def withdraw(world):
    world.permit.is_held = False


def close_file(world):
    world.files.file.is_kept = False


def stop(world):
    world.is_stopping = True


def refuse(world):
    world.permit.is_admitted = False


@pytest.mark.parametrize("change", [withdraw, close_file, stop, refuse])
def test_what_changed_meanwhile_sends_it_the_full_way(world, change):
    world.teach("Range: bytes=0-6")
    assert world.answer("Range: bytes=0-6") is not None
    admitted = world.permit.admitted

    change(world)

    assert world.answer("Range: bytes=0-6") is None
    assert world.permit.admitted == admitted
    assert world.shortcut.answered.total() == 1


def test_the_least_used_is_forgotten():
    world = World(capacity=2)
    for name in "ab":
        world.teach("Range: bytes=0-6", f"X: {name}")
    assert world.answer("Range: bytes=0-6", "X: a")

    world.teach("Range: bytes=0-6", "X: c")

    assert len(world.shortcut) == 2
    assert world.answer("Range: bytes=0-6", "X: b") is None
    assert world.answer("Range: bytes=0-6", "X: a")


def test_each_answer_has_an_id_of_its_own(world):
    world.teach("Range: bytes=0-6")
    ids = {world.answer("Range: bytes=0-6").head.split(b"X-Request-ID: ")[1][:34] for _ in "123"}

    assert len(ids) == 3
    assert all(one.endswith(b"\r\n") for one in ids)


@pytest.mark.parametrize(
    "lines", [["CMCD-Request: bl=900"], ["CMCD-Session: sid=x", "CMCD-Object: br=1"]]
)
def test_a_request_with_other_cmcd_is_known(world, lines):
    assert world.teach("Range: bytes=0-6", "CMCD-Request: bl=100,bs")

    assert world.answer("Range: bytes=0-6", *lines).span == ByteSpan(0, 7)
    assert world.answer("Range: bytes=0-6").span == ByteSpan(0, 7)
    assert world.answer("Range: bytes=0-6", *lines, "X: y") is None
    assert world.answer("Range: bytes=0-6", *lines, "Content-Length: 3") is None
