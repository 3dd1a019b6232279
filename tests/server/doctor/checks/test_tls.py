"""Certificates and protocols that browsers would meet."""

import asyncio
import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from server.doctor.checks.tls import examine_tls
from server.doctor.findings import Observation
from tests.programs.certificates import Certificate, make_certificate


@contextmanager
def answering(
    made: Certificate, protocols: list[str], newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
) -> Iterator[str]:
    """A server that shakes hands with whoever comes, and says nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    context.set_alpn_protocols(protocols)
    context.maximum_version = newest

    def accept() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as tls:
                    tls.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def trusting(made: Certificate) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(made.certificate))


@pytest.fixture
def months(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path, ends_in=datetime.timedelta(days=90, hours=1))


async def test_a_trusted_certificate_and_http2_are_in_order(months: Certificate) -> None:
    with answering(months, ["h2", "http/1.1"]) as url:
        found = await examine_tls(url, trusting(months))

    assert [(one.severity.value, one.sentence) for one in found] == [
        ("ok", "the certificate is trusted, for 90 days more"),
        ("ok", "HTTP/2 over TLSv1.3"),
    ]


async def test_a_certificate_near_its_end_and_http1_alone_are_remarked(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    with answering(made, ["http/1.1"]) as url:
        found = await examine_tls(url, trusting(made))

    assert [one.severity.value for one in found] == ["remark", "remark"]
    assert "ends in 1 days" in found[0].sentence
    assert found[1].code == "no-http2"


def to_address(url: str) -> str:
    return url.replace("localhost", "127.0.0.1")


@pytest.mark.parametrize(
    ("code", "says", "ends_in_days", "is_trusted", "asked"),
    [
        ("certificate-own", "self-signed certificate", 90, False, str),
        ("certificate-ended", "certificate has expired", -1, True, str),
        ("certificate-name", "IP address mismatch", 90, True, to_address),
    ],
)
async def test_an_untrusted_certificate_is_a_fault_with_its_own_cure(
    code: str,
    says: str,
    ends_in_days: int,
    is_trusted: bool,
    asked: Callable[[str], str],
    tmp_path: Path,
) -> None:
    made = make_certificate(
        tmp_path,
        begins_in=datetime.timedelta(days=-9),
        ends_in=datetime.timedelta(days=ends_in_days),
    )
    context = trusting(made) if is_trusted else ssl.create_default_context()
    with answering(made, ["h2"]) as url:
        found = await examine_tls(asked(url), context)

    assert [one.code for one in found] == [code]
    assert says in found[0].sentence


async def test_a_port_without_tls_is_said_to_have_none() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        found = await examine_tls(f"https://127.0.0.1:{port}", ssl.create_default_context())

    assert [one.code for one in found] == ["tls-off"]
    assert f"ask http://127.0.0.1:{port}" in found[0].sentence


async def test_versions_that_browsers_gave_up_are_named(months: Certificate) -> None:
    newest_there, oldest_here = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    context = trusting(months)
    context.minimum_version = oldest_here
    with answering(months, ["h2"], newest_there) as url:
        found = await examine_tls(url, context)

    assert [one.code for one in found] == ["tls-old"]


async def test_plain_http_has_no_findings() -> None:
    none: list[Observation] = []

    assert await examine_tls("http://localhost:1", ssl.create_default_context()) == none
