"""Heads of answers to known requests."""

import pytest

from handlers.connection.shortcuts.known_requests import fill, head_template

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
