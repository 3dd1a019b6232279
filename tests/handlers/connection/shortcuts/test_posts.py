"""Recognition of a complete POST in a buffer, and of equal ones."""

import pytest

from handlers.connection.shortcuts.known_requests import MOST_HEAD_BYTES
from handlers.connection.shortcuts.posts import Post

HEAD = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\nX-Note: n\r\n\r\n"


def post(length: object, body: str, head: str = HEAD) -> bytes:
    return head.format(length).encode() + body.encode()


def filled_up_to(head_bytes: int) -> str:
    return HEAD.replace("n\r\n\r\n", "n" * (head_bytes - len(HEAD) + 2) + "\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "is_one"),
    [
        pytest.param(post(4, "body"), True, id="with a body"),
        pytest.param(post(0, ""), True, id="without"),
        pytest.param(post("004", "body"), True, id="leading zeros"),
        pytest.param(post(4, "body", HEAD.replace("t-L", "t-l")), True, id="small letters"),
        pytest.param(post(4, "b\r\n\r"), True, id="a body like the end of a head"),
        pytest.param(post(1, "b", filled_up_to(MOST_HEAD_BYTES)), True, id="a head as long as may"),
        pytest.param(post(1, "b", filled_up_to(MOST_HEAD_BYTES + 1)), False, id="a longer one"),
        pytest.param(post(4, "bod"), False, id="something is still to come"),
        pytest.param(post(4, "body" + "P"), False, id="more has come"),
        pytest.param(post(4, "body") * 2, False, id="two"),
        pytest.param(post(4, "")[:-2], False, id="the head has not ended"),
        pytest.param(b"POST /p HTTP/1.1\r\nHost: h\r\n\r\n", False, id="of no length"),
        pytest.param(b"PUT /p HTTP/1.1\r\nContent-Length: 0\r\n\r\n", False, id="another method"),
        pytest.param(post("+4", "body"), False, id="a sign"),
        pytest.param(post("4 ", "body"), False, id="a space behind"),
        pytest.param(post(" 4", "body"), False, id="two before"),
        pytest.param(post("٤", "body"), False, id="digits that are not ASCII"),
        pytest.param(post("00000004", "body"), False, id="eight digits"),
        pytest.param(post("", ""), False, id="no digits"),
        pytest.param(
            post(4, "body", HEAD.replace("Content-L", " Content-L")), False, id="a folded line"
        ),
        pytest.param(
            b"POST /p HTTP/1.1\r\n\r\nContent-Length: 4\r\n\r\n", False, id="the length in the body"
        ),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_one_whole_post_and_nothing_else(data: bytes, is_one: bool) -> None:
    found = Post.of(data)

    assert (found is not None) == is_one
    if found is not None:
        assert found.body == data.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("data", "is_alike"),
    [
        pytest.param(post(4, "ydob"), True, id="another body"),
        pytest.param(post(12, "another body"), True, id="a longer one"),
        pytest.param(post("004", "body"), True, id="leading zeros"),
        pytest.param(post(4, "body").replace(b"Host: h", b"Host: H"), False, id="another line"),
        pytest.param(post(4, "body").replace(b"Note: n", b"Note: m"), False, id="one behind"),
        pytest.param(post(4, "body").replace(b"X-Note: n\r\n", b""), False, id="a line less"),
        pytest.param(post(4, "body").replace(b"t-L", b"t-l"), False, id="small letters"),
        pytest.param(
            b"POST /p HTTP/1.1\r\nHost: h\r\nX-Note: n\r\nContent-Length: 4\r\n\r\nbody",
            False,
            id="another order",
        ),
    ],
)
def test_is_known_by_all_of_its_head_but_the_digits(data: bytes, is_alike: bool) -> None:
    first, other = Post.of(post(4, "body")), Post.of(data)
    assert first is not None
    assert other is not None

    assert (first.head == other.head) == is_alike
