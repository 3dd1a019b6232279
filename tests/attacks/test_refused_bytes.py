"""Bytes that are no HTTP: problem details that tell nothing, neither of us nor of what was sent."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from handlers.connection.refused_bytes import RefusingBytes
from tests.handlers.conftest import Service
from tests.harness.wire import WireAnswer, connected

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "eyJsecret"
GET = f"GET /play/{SECRET}/events HTTP/1.1\r\nHost: x\r\n"
NO_REQUESTS = {
    "control character": GET + f"Authorization: Bearer {SECRET}\0\r\n\r\n",
    "no colon": GET + f"{SECRET}\r\n\r\n",
    "space before the colon": GET + f"Authorization : {SECRET}\r\n\r\n",
    "folded": GET + f"A: b\r\n {SECRET}\r\n\r\n",
    "long field": GET + f"Authorization: {SECRET}{'a' * 9000}\r\n\r\n",
    "long address": f"GET /{SECRET}{'a' * 9000} HTTP/1.1\r\nHost: x\r\n\r\n",
    "many fields": GET + f"A: {SECRET}\r\n" * 200 + "\r\n",
    "two lengths": GET + f"A: {SECRET}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "length and chunks": GET + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two types": GET + f"Content-Type: a/b\r\nContent-Type: {SECRET}/b\r\n\r\n",
    "no length": GET + f"Content-Length: {SECRET}\r\n\r\n",
    "endless length": GET + f"Content-Length: {'9' * 40}\r\n\r\n",
    "no host": f"GET /{SECRET} HTTP/1.1\r\n\r\n",
    "another version": f"GET /{SECRET} HTTP/7.3\r\nHost: x\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "another method in another version": f"{SECRET} / HTTP/7.3\r\nHost: x\r\n\r\n",
    "a method that is no token": f"G(T /{SECRET} HTTP/1.1\r\nHost: x\r\n\r\n",
    "a method alone": f"{SECRET}\r\n\r\n",
    "no address": f"GET http://[{SECRET} HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + SECRET,
}


async def answer_to(service: Service, text: str) -> tuple[WireAnswer, bytes]:
    """And what comes after it until the connection ends."""
    async with connected(service.url) as wire:
        wire.writer.write(text.encode("latin-1"))
        return await wire.answer(), await wire.rest()


@pytest.mark.parametrize("text", NO_REQUESTS.values(), ids=NO_REQUESTS.keys())
async def test_bytes_that_are_no_request(
    shared_service: Service, unblamed: pytest.LogCaptureFixture, text: str
) -> None:
    answer, rest = await answer_to(shared_service, text)

    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (400, "urn:coursestream:invalid-request")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Request-ID"] == problem["instance"]
    assert answer.headers["Server"] == "coursestream"
    assert SECRET not in answer.body.decode() + str(answer.headers)
    assert rest == b""
    assert SECRET not in unblamed.text
    assert [record for record in unblamed.records if record.exc_info] == []


@pytest.mark.parametrize(
    "host", ["a b", "user@x", "x/y", "[::1", "x:y", 'x"y', "b\xfccher.example"]
)
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
async def test_host_that_is_none(shared_service: Service, host: str, version: str) -> None:
    """RFC 9112 section 3.2: a wrong value is refused like a missing field."""
    async with connected(shared_service.url) as wire:
        answer = await wire.ask(f"GET /healthz {version}", f"Host: {host}")

    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (400, "urn:coursestream:invalid-request")
    assert host not in answer.body.decode()


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["HTTP/1.0"], id="none in HTTP/1.0"),
        pytest.param(["HTTP/1.1", "Host:"], id="empty"),
        pytest.param(["HTTP/1.1", "Host: [2001:db8::1]:8080"], id="address of IPv6"),
        pytest.param(["HTTP/1.1", "Host: my_service:80"], id="name of a container"),
    ],
)
async def test_host_that_is_one(shared_service: Service, lines: list[str]) -> None:
    async with connected(shared_service.url) as wire:
        assert (await wire.ask(f"GET /healthz {lines[0]}", *lines[1:])).status == 200


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(f"{SECRET} / HTTP/1.1", id="of nobody"),
        pytest.param("get /healthz HTTP/1.1", id="in lower case"),
        pytest.param("GETT /healthz HTTP/1.0", id="of a longer name"),
        pytest.param("F'O /it's HTTP/1.1", id="with an apostrophe"),
        pytest.param("CONNECT example.com:443 HTTP/1.1", id="tunnel"),
        pytest.param("CONNECT /healthz HTTP/1.1", id="tunnel to an address"),
    ],
)
async def test_method_that_is_not_known(
    shared_service: Service, unblamed: pytest.LogCaptureFixture, line: str
) -> None:
    """RFC 9110 section 9.1."""
    async with connected(shared_service.url) as wire:
        answer = await wire.ask(line, "Host: example.com:443")

    problem = json.loads(answer.body)
    assert (answer.status, problem["type"]) == (501, "urn:coursestream:method-not-allowed")
    assert SECRET not in answer.body.decode() + unblamed.text


async def test_methods_of_the_server(shared_service: Service) -> None:
    """RFC 9110 section 9.3.7."""
    async with connected(shared_service.url) as wire:
        answer = await wire.ask("OPTIONS * HTTP/1.1", "Host: x")
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
        assert (await wire.ask("OPTIONS /healthz HTTP/1.1", "Host: x")).status == 405


async def test_good_requests_before_it_are_answered(shared_service: Service) -> None:
    async with connected(shared_service.url) as wire:
        assert (await wire.ask("GET /healthz HTTP/1.1", "Host: x")).status == 200
        await wire.send("\0\0\0")
        assert (await wire.answer()).status == 400
        assert await wire.rest() == b""


@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
@pytest.mark.parametrize("expected", [SECRET, f"{SECRET}\xff"])
async def test_unknown_expectation_is_not_repeated(
    shared_service: Service, unblamed: pytest.LogCaptureFixture, path: str, expected: str
) -> None:
    async with connected(shared_service.url) as wire:
        answer = await wire.ask(f"GET {path} HTTP/1.1", "Host: x", f"Expect: {expected}")

    assert answer.status == 400
    assert json.loads(answer.body)["instance"] == answer.headers["X-Request-ID"]
    assert SECRET not in answer.body.decode()


def refuse(output_size: int, status: int, fault: Exception) -> Any:
    request: Any = SimpleNamespace(writer=SimpleNamespace(output_size=output_size), remote="::1")
    return RefusingBytes.handle_error(None, request, status, fault)  # type: ignore[arg-type]


async def test_fault_of_ours_is_logged_and_not_shown(unblamed: pytest.LogCaptureFixture) -> None:
    answer = refuse(0, 500, RuntimeError("/srv/secret"))

    assert isinstance(answer, web.Response)
    assert answer.status == 500
    assert b"secret" not in bytes(answer.body)  # type: ignore[arg-type]
    assert "/srv/secret" in unblamed.text


async def test_nothing_is_said_into_an_answer_that_has_begun() -> None:
    with pytest.raises(ConnectionError):
        refuse(1, 500, RuntimeError())
