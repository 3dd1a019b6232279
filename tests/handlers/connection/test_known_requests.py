"""The store of known requests, and the heads of their answers."""

import pytest

from handlers.connection.known_requests import KnownRequests, fill, head_template


def test_the_least_recently_used_is_forgotten():
    known = KnownRequests[int](2)
    known.remember(b"a", 1)
    known.remember(b"b", 2)
    known.renew(b"a")

    known.remember(b"c", 3)

    assert len(known) == 2
    assert [known.get(key) for key in (b"a", b"b", b"c")] == [1, None, 3]


def test_reading_renews_nothing():
    known = KnownRequests[int](1)
    known.remember(b"a", 1)
    assert known.get(b"a") == 1

    known.remember(b"b", 2)

    assert known.get(b"a") is None


def test_what_is_remembered_again_is_replaced_and_renewed():
    known = KnownRequests[int](2)
    for key, value in ((b"a", 1), (b"b", 2), (b"a", 3), (b"c", 4)):
        known.remember(key, value)

    assert [known.get(key) for key in (b"a", b"b", b"c")] == [3, None, 4]


def test_a_key_is_of_all_the_bytes_and_of_one_store():
    known = KnownRequests[int]()

    assert known.key(b"ab", b"c") == known.key(b"a", b"bc") != known.key(b"abd")
    assert known.key(b"abc") != KnownRequests[int]().key(b"abc")
    assert len(known.key(b"x" * 10_000)) == 16


FIELDS = [
    ("Content-Length", "7"),
    ("Content-Range", "bytes 0-6/9"),
    ("Date", "of old"),
    ("X-Request-ID", "0" * 32),
    ("X-Percent", "100%25 %(length)d %s"),
]
ANSWER = {b"length": 5, b"request_id": 10, b"first": 2, b"last": 6, b"date": b"now"}


@pytest.mark.parametrize(
    ("values", "date"), [({}, "now"), ({"date": "50%, %(first)d"}, "50%, %(first)d")]
)
def test_a_filled_head_is_that_of_the_answer(values, date):
    holes = {"Content-Range": "bytes %(first)s-%(last)s/9"}

    head = fill(head_template(206, FIELDS, holes), **values) % ANSWER

    assert head.decode() == (
        "HTTP/1.1 206 Partial Content\r\n"
        "Content-Length: 5\r\n"
        "Content-Range: bytes 2-6/9\r\n"
        f"Date: {date}\r\n"
        f"X-Request-ID: {10:032x}\r\n"
        "X-Percent: 100%25 %(length)d %s\r\n"
        "\r\n"
    )
