from functools import partial

import pytest

from handlers.delivery import head

FIELDS = [("Etag", '"e"'), ("Content-Disposition", "attachment; filename*=UTF-8''%C3%BC")]


def test_a_head_golden():
    assert head.render("1.1", 206, [*FIELDS, ("X-Name", "ü")]) == (
        b'HTTP/1.1 206 Partial Content\r\nEtag: "e"\r\n'
        b"Content-Disposition: attachment; filename*=UTF-8''%C3%BC\r\n"
        b"X-Name: \xc3\xbc\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\n\rb", "a\0b"])
def test_no_field_breaks_out_of_its_line(value):
    for write in (head.render, partial(head.template, holes={})):
        with pytest.raises(ValueError, match="line break"):
            write("1.1", 200, [("X-Name", value)])


def test_a_filled_template_is_the_head():
    holes = {"Date": "%(date)s", "Etag": '"%(etag)s"'}
    template = head.template("1.1", 206, [*FIELDS, ("Date", "of old")], holes)

    filled = template % {"date": "today", "etag": "e"}

    assert filled.encode() == head.render("1.1", 206, [*FIELDS, ("Date", "today")])
