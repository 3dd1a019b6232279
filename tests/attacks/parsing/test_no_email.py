"""Nothing on the event loop reads what clients send with the standard library's `email`: its time
grows with the square of its input, and some inputs end in a RecursionError.
"""

import ast
import email.feedparser
import email.message
import email.parser
import email.utils
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp.helpers
import pytest

import handlers
from handlers.openapi.endpoints import Endpoint, declared
from tests.attacks.parsing.answers import status_of
from tests.handlers.conftest import Service
from tests.harness.wire import connected

ENDPOINTS = declared(handlers)  # looks through the package, which blocks
ROOT = Path(__file__).resolve().parents[3]
OURS = ("server", "handlers", "events", "storage", "db")
# What aiohttp's request answers with the help of `email`, or of a parser of its own that is not
# measured here; `handlers.header_values`, `multipart` and `delivery.conditional` stand for them.
ANSWERED_BY_EMAIL = frozenset(
    {
        "charset",
        "content_type",
        "forwarded",
        "http_range",
        "if_match",
        "if_modified_since",
        "if_none_match",
        "if_range",
        "if_unmodified_since",
        "json",
        "multipart",
        "post",
        "text",
    }
)
ENTRIES = (
    (email.feedparser.FeedParser, "feed"),
    (email.message.Message, "__init__"),
    (email.message.Message, "get_param"),
    (email.parser.Parser, "parsestr"),
    (email.utils, "parsedate"),
    (email.utils, "parsedate_tz"),
    (aiohttp.helpers, "parsedate"),
)
MEDIA_TYPES = (
    "application/json",
    "multipart/form-data; boundary=a",
    "application/offset+octet-stream",
    "text/vtt",
    "image/png",
)
DATE = "Mon, 01 Jan 2024 00:00:00 GMT"
# What takes no POST of its own.
OVERRIDE = {("POST", "/api/v1/uploads/{upload_id}"): ("X-HTTP-Method-Override: PATCH",)}
FIELDS = (
    f"If-Modified-Since: {DATE}",
    f"If-Unmodified-Since: {DATE}",
    f"If-Range: {DATE}",
    "Range: bytes=0-1",
    "Accept: text/html;q=0.5, */*;q=0.1",
    "Accept-Language: de, en;q=0.5",
    "Content-Disposition: attachment; filename=a",
    "Cookie: a=b",
    "Forwarded: for=10.0.0.1",
    "X-Forwarded-For: 10.0.0.1",
    "Tus-Resumable: 1.0.0",
    "Upload-Length: 2",
    "Upload-Offset: 0",
    "Upload-Metadata: module_id bTE=,filename YQ==",
    "Content-Length: 2",
)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions of `email` that were called meanwhile."""
    calls: list[str] = []
    for owner, name in ENTRIES:
        original = getattr(owner, name)

        def noting(*args: Any, _original: Any = original, _name: str = name, **options: Any) -> Any:
            calls.append(_name)
            return _original(*args, **options)

        monkeypatch.setattr(owner, name, noting)
    return calls


@pytest.mark.asyncio(loop_scope="module")
async def test_no_endpoint_asks_email(
    shared_service: Service, video: Any, asked: list[str]
) -> None:
    playback = await shared_service.ask("ada", "POST", f"videos/{video['id']}/playback", {})
    values = values_of(video["id"], playback.json)
    token = shared_service.client("root", "admin").headers["Authorization"]
    asked.clear()  # what our own client asked
    for number, (method, path) in enumerate(by_method(ENDPOINTS)):
        for media_type in MEDIA_TYPES:
            async with connected(shared_service.url) as wire:
                await wire.send(
                    f"{method} {path.format_map(values)} HTTP/1.1",
                    "Host: x",
                    f"Authorization: {token}",
                    f"Content-Type: {media_type}; number={number}",  # none is remembered
                    *FIELDS,
                    *OVERRIDE.get((method, path), ()),
                    body=b"{}",
                )
                status = await status_of(wire)
            assert status not in (405, 500), f"{method} {path}"
            assert asked == [], f"{method} {path}"
            if method == "DELETE":
                break


def by_method(endpoints: list[Endpoint]) -> list[tuple[str, str]]:
    """Sorts deletions last, the inner things before those that hold them."""
    found = [(one.method, one.path) for one in endpoints]
    return sorted(found, key=lambda one: (one[0] == "DELETE", one[0] == "DELETE" and -len(one[1])))


def values_of(video_id: str, playback: Any) -> dict[str, str]:
    return {
        "course_id": "c1",
        "module_id": "m1",
        "user_id": "ada",
        "video_id": video_id,
        "upload_id": str(uuid4()),
        "webhook_id": "w1",
        "session_id": "s1",
        "language": "en",
        "size": "small",
        "sheet": "1",
        "name": "player.js",
        "grant": playback["grant"],
        "asset": playback["stream_url"].rpartition("/")[2],
    }


def test_what_aiohttp_answers_with_it_would_be_seen(asked: list[str]) -> None:
    aiohttp.helpers.parse_content_type(f"application/json; unique={uuid4()}")

    assert asked != []


@pytest.mark.parametrize("package", OURS)
def test_no_module_asks_for_it(package: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in asking_lines(ast.parse(path.read_text()))
    ]

    assert found == []


def asking_lines(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        if any(name.split(".")[0] == "email" for name in names) or is_asking_request(node):
            yield node.lineno  # type: ignore[attr-defined]


def is_asking_request(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr in ANSWERED_BY_EMAIL
        and isinstance(node.value, ast.Name)
        and node.value.id == "request"
    )
