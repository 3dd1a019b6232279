import asyncio
import datetime
import hashlib
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvloop
from aiohttp import web

from events.metrics import Metrics
from handlers import keys
from handlers.balancers import Balancers
from server.config.settings import Config, load_config
from server.stop_signals import StopSignals
from server.web import listener as listening_module
from server.web.handshakes import Handshakes
from server.web.listener import listening
from server.web.tls import TlsError, own_client_context, server_context
from tests.programs.certificates import DAY, Certificate, make_certificate

LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop.new_event_loop, id="uvloop"),
]
BODY = bytes(range(256)) * 4096


@pytest.fixture
def own(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


def config_with(certificate: Path, key: Path) -> Config:
    config = load_config({}, Path("/nonexistent/.env"))
    return replace(config, port=0, tls_cert_file=certificate, tls_key_file=key)


def fault(certificate: Path, key: Path) -> str:
    with pytest.raises(TlsError) as caught:
        server_context(config_with(certificate, key))
    return str(caught.value)


def test_without_files_there_is_no_tls() -> None:
    assert server_context(load_config({}, Path("/nonexistent/.env"))) is None


def test_nothing_older_than_tls_1_2_is_spoken(own: Certificate) -> None:
    context = server_context(config_with(own.certificate, own.key))
    assert context is not None
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_missing_certificate_is_named(own: Certificate) -> None:
    missing = own.certificate.with_name("none.crt")
    assert fault(missing, own.key) == (
        f"COURSESTREAM_TLS_CERT_FILE: {missing}: No such file or directory"
    )


def test_a_missing_key_is_named(own: Certificate) -> None:
    missing = own.key.with_name("none.key")
    assert fault(own.certificate, missing) == (
        f"COURSESTREAM_TLS_KEY_FILE: {missing}: No such file or directory"
    )


def test_what_is_no_certificate_is_reported(own: Certificate) -> None:
    assert "holds no certificate in PEM form" in fault(own.key, own.key)


def test_what_is_no_key_is_reported(own: Certificate) -> None:
    assert "holds no usable private key" in fault(own.certificate, own.certificate)


def test_the_key_of_another_certificate_is_reported(own: Certificate, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other")
    assert fault(own.certificate, other.key) == (
        f"COURSESTREAM_TLS_KEY_FILE: {other.key} is not the key of {own.certificate}"
    )


def test_an_encrypted_key_is_reported_and_no_passphrase_asked_for(tmp_path: Path) -> None:
    locked = make_certificate(tmp_path, passphrase=b"open sesame")
    assert "is encrypted: give one without a passphrase" in fault(locked.certificate, locked.key)


@pytest.mark.parametrize(
    ("begins_in", "ends_in", "said"),
    [
        pytest.param(-2 * DAY, -DAY, "expired on", id="expired"),
        pytest.param(DAY, 2 * DAY, "is not valid before", id="not yet valid"),
    ],
)
def test_a_certificate_out_of_its_time_is_reported(
    tmp_path: Path, begins_in: datetime.timedelta, ends_in: datetime.timedelta, said: str
) -> None:
    made = make_certificate(tmp_path, begins_in=begins_in, ends_in=ends_in)
    assert said in fault(made.certificate, made.key)


def app_with_a_body() -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=BODY)

    app = web.Application()
    app[keys.LEAVING] = asyncio.Event()
    app[keys.STOPPING] = asyncio.Event()
    app[keys.BALANCERS] = Balancers()
    app[keys.METRICS] = Metrics()
    app.router.add_get("/", answer)
    return app


def run(loop: Callable[[], asyncio.AbstractEventLoop], work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(work)


@pytest.mark.parametrize("loop", LOOPS)
def test_the_listener_speaks_tls_and_says_so_in_its_address(
    own: Certificate, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    config = config_with(own.certificate, own.key)

    async def ask() -> None:
        async with (
            listening(app_with_a_body(), config, StopSignals()) as url,
            aiohttp.ClientSession() as session,
            session.get(url, ssl=own_client_context(config)) as response,  # type: ignore[arg-type]
        ):
            assert url.startswith("https://127.0.0.1:")
            assert hashlib.sha256(await response.read()).digest() == hashlib.sha256(BODY).digest()

    run(loop, ask())


async def tell_options(request: web.Request) -> web.Response:
    assert request.transport is not None
    own = request.transport.get_extra_info("socket")
    options = (socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_NODELAY)
    return web.json_response([bool(own.getsockopt(*option)) for option in options])


@pytest.mark.parametrize("is_encrypted", [True, False])
@pytest.mark.parametrize("loop", LOOPS)
def test_connections_notice_a_lost_client_and_hold_nothing_back(
    own: Certificate, loop: Callable[[], asyncio.AbstractEventLoop], *, is_encrypted: bool
) -> None:
    config = config_with(own.certificate, own.key)
    client = own_client_context(config)
    if not is_encrypted:
        config = replace(config, tls_cert_file=None, tls_key_file=None)

    async def ask() -> None:
        app = app_with_a_body()
        app.router.add_get("/options", tell_options)
        async with (
            listening(app, config, StopSignals()) as url,
            aiohttp.ClientSession() as session,
            session.get(f"{url}/options", ssl=client) as response,  # type: ignore[arg-type]
        ):
            assert await response.json() == [True, True]

    run(loop, ask())


@pytest.mark.parametrize("loop", LOOPS)
def test_what_waits_for_a_listener_is_accepted_and_refused_once_it_closed(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    config = replace(load_config({}, Path("/nonexistent/.env")), port=0)

    async def ask() -> None:
        async with listening(app_with_a_body(), config, StopSignals()) as url:
            address = ("127.0.0.1", int(url.rpartition(":")[2]))
            waiting = [socket.create_connection(address) for _ in range(20)]
            for client in waiting:
                reader, writer = await asyncio.open_connection(sock=client)
                writer.write(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
                writer.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)

    run(loop, ask())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_connection_too_many_is_answered_503_by_tls_too(
    own: Certificate, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    config = replace(config_with(own.certificate, own.key), max_connections=1)
    client = own_client_context(config)

    async def ask() -> None:
        async with (
            listening(app_with_a_body(), config, StopSignals()) as url,
            aiohttp.ClientSession() as holder,
            aiohttp.ClientSession() as other,
        ):
            async with holder.get(url, ssl=client) as held:  # type: ignore[arg-type]
                await held.read()
            async with other.get(url, ssl=client) as refused:  # type: ignore[arg-type]
                assert (refused.status, refused.headers["Retry-After"]) == (503, "5")

    run(loop, ask())


def test_another_servers_certificate_is_not_taken_for_ours(
    own: Certificate, tmp_path: Path
) -> None:
    other = make_certificate(tmp_path, "other")
    config = config_with(own.certificate, own.key)
    mistaken = own_client_context(config_with(other.certificate, other.key))

    async def ask() -> None:
        async with (
            listening(app_with_a_body(), config, StopSignals()) as url,
            aiohttp.ClientSession() as session,
        ):
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(url, ssl=mistaken)  # type: ignore[arg-type]

    run(asyncio.new_event_loop, ask())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_client_that_says_nothing_counts_and_is_cut(
    own: Certificate,
    loop: Callable[[], asyncio.AbstractEventLoop],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two may be; one connects and never begins its handshake."""
    config = replace(config_with(own.certificate, own.key), max_connections=2)
    client = own_client_context(config)
    shaking = partial(Handshakes, timeout_s=1.0)
    monkeypatch.setattr(listening_module, "Handshakes", shaking)

    async def status(session: aiohttp.ClientSession, url: str) -> int:
        async with session.get(url, ssl=client) as response:  # type: ignore[arg-type]
            await response.read()
            return response.status

    async def ask() -> None:
        async with (
            listening(app_with_a_body(), config, StopSignals()) as url,
            aiohttp.ClientSession() as holder,
            aiohttp.ClientSession() as other,
        ):
            silent, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            assert [await status(holder, url), await status(other, url)] == [200, 503]
            async with asyncio.timeout(10):
                with suppress(ConnectionResetError):
                    assert await silent.read() == b"", "the silent one is cut"
            writer.close()
            assert await status(other, url) == 200

    run(loop, ask())


@pytest.mark.parametrize("loop", LOOPS)
def test_what_comes_with_the_end_of_the_handshake_is_heard(
    own: Certificate, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """A client of TLS 1.3 sends its request with its last word of the handshake."""
    config = config_with(own.certificate, own.key)
    context = own_client_context(config)
    assert isinstance(context, ssl.SSLContext)

    def ask_at_once(port: int) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as own_socket:
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    own_socket.sendall(outgoing.read())
                    incoming.write(own_socket.recv(65536))
            client.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            own_socket.sendall(outgoing.read())
            while True:
                try:
                    return client.read(12)
                except ssl.SSLWantReadError:
                    incoming.write(own_socket.recv(65536))

    async def ask() -> None:
        async with listening(app_with_a_body(), config, StopSignals()) as url:
            port = int(url.rpartition(":")[2])
            heard = [await asyncio.to_thread(ask_at_once, port) for _ in range(20)]
        assert heard == [b"HTTP/1.1 200"] * 20

    run(loop, ask())


@pytest.mark.parametrize("loop", LOOPS)
def test_what_is_no_tls_costs_its_sender_the_connection_alone(
    own: Certificate, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    config = config_with(own.certificate, own.key)

    async def ask() -> None:
        async with listening(app_with_a_body(), config, StopSignals()) as url:
            port = int(url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                with suppress(ConnectionResetError):
                    assert b"HTTP" not in await reader.read()
            writer.close()
            async with (
                aiohttp.ClientSession() as session,
                session.get(url, ssl=own_client_context(config)) as response,  # type: ignore[arg-type]
            ):
                assert response.status == 200

    run(loop, ask())
