"""Bodies of requests, over HTTP: what is taken, and what is refused without a trace."""

import asyncio
import io
import json
from typing import Any

import pytest
import pytest_asyncio

from handlers import messages

pytestmark = pytest.mark.asyncio(loop_scope="module")

BAD = "400 invalid-request"
JSON = {"Content-Type": "application/json"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def video_id(shared_service: Any) -> str:
    made: str = await shared_service.video_row()
    return made


def titled(title: str) -> bytes:
    return json.dumps({"title": title}, ensure_ascii=False).encode()


TITLES = [
    pytest.param("", BAD, id="0 characters"),
    pytest.param("a", "200", id="1 character"),
    pytest.param("a" * 200, "200", id="200 characters"),
    pytest.param("a" * 201, BAD, id="201 characters"),
    pytest.param("\U0001f393" * 200, "200", id="200 characters of four bytes"),
    pytest.param(" ", "200", id="a space"),
    pytest.param("\"<b>\\&';", "200", id="what is special elsewhere"),
    pytest.param("a\nb", BAD, id="line feed"),
    pytest.param("a\x00b", BAD, id="NUL"),
    pytest.param("a\n", BAD, id="line feed at the end"),
    pytest.param("a\x7fb", BAD, id="DEL"),
    pytest.param("a\x85b", BAD, id="C1 control"),
]


@pytest.mark.parametrize(("title", "said"), TITLES)
async def test_title_of_a_video(shared_service: Any, video_id: str, title: str, said: str) -> None:
    answer = await shared_service.ask("tess", "PATCH", f"videos/{video_id}", {"title": title})

    assert answer.said == said
    assert said == BAD or answer.json["title"] == title


@pytest.mark.parametrize(("title", "said"), TITLES)
async def test_title_of_a_course(shared_service: Any, title: str, said: str) -> None:
    answer = await shared_service.ask("root", "PUT", "courses/c1", {"title": title})

    assert answer.said == said
    assert said == BAD or answer.json["title"] == title


@pytest.mark.parametrize(("title", "said"), TITLES)
async def test_title_of_a_module(shared_service: Any, title: str, said: str) -> None:
    body = {"title": title, "position": 1}
    answer = await shared_service.ask("tess", "PUT", "courses/c1/modules/m1", body)

    assert answer.said == said
    assert said == BAD or answer.json["title"] == title


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="missing field"),
        pytest.param(b'{"title": "a", "titel": "b"}', id="unknown field"),
        pytest.param(b'{"title": null}', id="null"),
        pytest.param(b'{"title": 1}', id="number"),
        pytest.param(b'["a"]', id="array"),
        pytest.param(b'{"title": "a"', id="cut"),
        pytest.param(b'{"title": "a"} {}', id="more after it"),
        pytest.param(b"\xef\xbb\xbf" + titled("a"), id="byte order mark"),
        pytest.param(b'{"title": "\xff"}', id="not UTF-8"),
        pytest.param(b'{"title": "\xed\xa0\x80"}', id="surrogate in UTF-8"),
        pytest.param(rb'{"title": "a\ud800b"}', id="lone surrogate escaped"),
        pytest.param(rb'{"title": "a\u0000b"}', id="NUL escaped"),
        pytest.param(titled("a").decode().encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"title": ' + b"[" * 50_000, id="nested too deep"),
        pytest.param(b'{"x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", id="unknown and deep"),
    ],
)
async def test_body_is_refused(shared_service: Any, video_id: str, body: bytes) -> None:
    before = await shared_service.ask("tess", "GET", f"videos/{video_id}")

    answer = await shared_service.ask(
        "tess", "PATCH", f"videos/{video_id}", data=body, headers=JSON
    )

    assert answer.said == BAD
    after = await shared_service.ask("tess", "GET", f"videos/{video_id}")
    assert after.json == before.json


async def test_nesting_too_deep_is_refused_wherever_a_field_takes_anything(
    shared_service: Any, video_id: str
) -> None:
    deep = b'{"watched": ' + b"[" * 50_000

    answer = await shared_service.ask(
        "ada", "PUT", f"videos/{video_id}/progress", data=deep, headers=JSON
    )

    assert answer.said == BAD


@pytest.mark.parametrize(
    ("content_type", "said"),
    [
        ("application/json", "200"),
        ("application/json; charset=utf-8", "200"),
        ("Application/JSON", "200"),
        ("text/plain", "415 unsupported-format"),
        ("application/jsonp", "415 unsupported-format"),
        ("application/x-www-form-urlencoded", "415 unsupported-format"),
        ("multipart/form-data; boundary=a", "415 unsupported-format"),
        ("nonsense", "415 unsupported-format"),
        ("", "415 unsupported-format"),
    ],
)
async def test_media_type(shared_service: Any, video_id: str, content_type: str, said: str) -> None:
    answer = await shared_service.ask(
        "tess",
        "PATCH",
        f"videos/{video_id}",
        data=titled("a"),
        headers={"Content-Type": content_type},
    )

    assert answer.said == said


@pytest.mark.parametrize("path", ["courses/c1/modules/m1", "courses/c1/enrollments/bob"])
async def test_media_type_is_asked_for_by_every_put(shared_service: Any, path: str) -> None:
    answer = await shared_service.ask("tess", "PUT", path, data=b"{}")

    assert answer.said == "415 unsupported-format"


@pytest.mark.parametrize(
    ("size", "said"),
    [(64 * 1024, BAD), (64 * 1024 + 1, "413 too-large"), (4 * 1024 * 1024, "413 too-large")],
)
@pytest.mark.parametrize("is_announced", [True, False], ids=["with its length", "chunked"])
async def test_size_of_a_body(
    shared_service: Any, video_id: str, size: int, said: str, is_announced: bool
) -> None:
    body = titled("a" * (size - len(titled(""))))
    assert len(body) == size

    async def pieces() -> Any:
        yield body

    answer = await shared_service.ask(
        "tess",
        "PATCH",
        f"videos/{video_id}",
        data=io.BytesIO(body) if is_announced else pieces(),
        headers=JSON,
    )

    assert answer.said == said


async def test_body_that_never_comes_is_not_waited_for(
    shared_service: Any, video_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "BODY_TIMEOUT_S", 0.05)

    async def pieces() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    answer = await shared_service.ask(
        "tess", "PATCH", f"videos/{video_id}", data=pieces(), headers=JSON
    )

    assert answer.said == BAD


@pytest.mark.parametrize(
    ("position", "said"),
    [
        pytest.param("-1", BAD, id="-1"),
        pytest.param("0", "200", id="0"),
        pytest.param("2147483647", "200", id="the column's greatest"),
        pytest.param("2147483648", BAD, id="one more"),
        pytest.param("9" * 5000, BAD, id="5,000 digits"),
        pytest.param("1.5", BAD, id="between two"),
        pytest.param('"1"', BAD, id="text"),
        pytest.param("true", BAD, id="true"),
        pytest.param("null", BAD, id="null"),
    ],
)
async def test_position_of_a_module(shared_service: Any, position: str, said: str) -> None:
    answer = await shared_service.ask(
        "tess",
        "PUT",
        "courses/c1/modules/m1",
        data=f'{{"title": "One", "position": {position}}}',
        headers=JSON,
    )

    assert answer.said == said


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "courses", "GET,HEAD"),
        ("POST", "courses/c1", "DELETE,GET,HEAD,PUT"),
        ("GET", "courses/c1/modules/m1", "DELETE,PUT"),
        ("PUT", "modules/m1/videos", "GET,HEAD,POST"),
        ("PUT", "videos/x", "DELETE,GET,HEAD,PATCH"),
        ("GET", "videos/x/restore", "POST"),
        ("PURGE", "videos/x/playback", "POST"),
    ],
)
async def test_wrong_method_tells_the_right_ones(
    shared_service: Any, method: str, path: str, allowed: str
) -> None:
    answer = await shared_service.ask("tess", method, path)

    assert answer.said == "405 method-not-allowed"
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize(
    ("method", "path", "body", "said"),
    [
        pytest.param("GET", "courses/a%20b", None, "of 1 to 64 letters", id="id in a path"),
        pytest.param("GET", "events?course_id=a+b", None, "of 1 to 64 letters", id="filter"),
        pytest.param("GET", "courses/c1/progress?user_id=-", None, "of 1 to 64", id="user"),
        pytest.param("PATCH", "videos/{}", {"title": "a\n"}, "control characters", id="title"),
        pytest.param("POST", "videos/{}/playback", {"session_id": ""}, "of 1 to 64", id="session"),
    ],
)
async def test_faults_are_said_in_words(
    shared_service: Any, video_id: str, method: str, path: str, body: Any, said: str
) -> None:
    answer = await shared_service.ask("tess", method, path.format(video_id), body)

    assert answer.said == BAD
    assert said in answer.json["detail"]
    assert "regex" not in answer.json["detail"]
